// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/machine.hpp"

#include "bench/made_system.hpp"
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::bench {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

/// One socket, two cores of two threads each, siblings (0, 2) and (1, 3), one third-level cache.
class Machines : public testing::Test {
 protected:
  Machines() {
    system_.file("proc/cpuinfo",
                 "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n"
                 "model name\t: Intel(R) Xeon(R) Gold 6226R CPU @ 2.90GHz\nstepping\t: 7\n"
                 "microcode\t: 0x5003604\nflags\t\t: fpu sse2 avx2 fma avx512f ht\n\n"
                 "processor\t: 1\nmodel name\t: something else\n");
    system_.file("sys/devices/system/cpu/online", "0-3\n");
    for (int cpu = 0; cpu < 4; ++cpu) {
      const std::string folder = fmt::format("sys/devices/system/cpu/cpu{}/", cpu);
      const std::string siblings = fmt::format("{},{}\n", cpu % 2, cpu % 2 + 2);
      system_.file(folder + "topology/core_cpus_list", siblings);
      cache(folder + "cache/index0/", 1, "Data", "32K", siblings);
      cache(folder + "cache/index1/", 1, "Instruction", "32K", siblings);
      cache(folder + "cache/index2/", 2, "Unified", "1024K", siblings);
      cache(folder + "cache/index3/", 3, "Unified", "22528K", "0-3\n");
    }
    system_.file("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-3\n");
    system_.file("proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\n");
    system_.file("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
    system_.file("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
  }

  void cache(const std::string& folder, int level, std::string_view type, std::string_view size,
             std::string_view shared) {
    system_.file(folder + "level", std::to_string(level)).file(folder + "type", type);
    system_.file(folder + "size", size).file(folder + "shared_cpu_list", shared);
  }
  /// Puts this process in group /job of version 2.
  void put_into_group() {
    system_.file("proc/self/mountinfo", "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    system_.file("proc/self/cgroup", "0::/job\n");
  }
  Machine machine() const { return describe_machine(system_.root()); }

  MadeSystem system_;
};

TEST_F(Machines, Processor) {
  const Machine found = machine();
  EXPECT_EQ(found.cpu_model, "Intel(R) Xeon(R) Gold 6226R CPU @ 2.90GHz");
  EXPECT_EQ(found.cpu_signature, "GenuineIntel 6/85/7");
  EXPECT_EQ(found.microcode, "0x5003604");
  EXPECT_THAT(found.instruction_sets, ElementsAre("sse2", "avx2", "fma", "avx512f"));
  EXPECT_EQ(found.nominal_mhz, 2900.0);
  EXPECT_EQ(found.hypervisor, "");
}

TEST_F(Machines, CoresAndCaches) {
  const Machine found = machine();
  EXPECT_EQ(found.logical_cores, 4);
  EXPECT_EQ(found.physical_cores, 2);
  EXPECT_TRUE(found.smt);
  EXPECT_EQ(found.usable_cores, 4);
  ASSERT_EQ(found.caches.size(), 4U);
  EXPECT_EQ(found.caches[1],
            (CacheLevel{.level = 1, .type = "Instruction", .bytes = 32 * kib, .shared_by = 2}));
  ASSERT_NE(data_cache(found, 3), nullptr);
  EXPECT_EQ(data_cache(found, 3)->bytes, 22528 * kib);
  EXPECT_EQ(data_cache(found, 3)->shared_by, 4);
  EXPECT_EQ(data_cache(found, 1)->type, "Data");
  EXPECT_EQ(data_cache(found, 4), nullptr);
}

TEST(DataCache, IsNotTheInstructions) {
  const Machine machine{.caches = {{1, "Instruction", 64 * kib, 1}, {1, "Data", 32 * kib, 1}}};
  ASSERT_NE(data_cache(machine, 1), nullptr);
  EXPECT_EQ(data_cache(machine, 1)->bytes, 32 * kib);
}

TEST_F(Machines, SystemAndSettings) {
  Machine found = machine();
  EXPECT_EQ(found.kernel, "6.1.0-18-amd64");
  EXPECT_EQ(found.distribution, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(found.memory_bytes, 16384 * kib);
  EXPECT_EQ(found.usable_memory_bytes, 16384 * kib);
  EXPECT_EQ(found.governor, "");
  EXPECT_EQ(found.turbo, std::nullopt);
  EXPECT_EQ(found.maximum_mhz, std::nullopt);

  const std::string cpus = "sys/devices/system/cpu/";
  system_.file(cpus + "cpu0/cpufreq/scaling_governor", "powersave\n");
  system_.file(cpus + "cpu0/cpufreq/base_frequency", "3000000\n");
  system_.file(cpus + "cpu0/cpufreq/cpuinfo_max_freq", "3900000\n");
  system_.file(cpus + "intel_pstate/no_turbo", "0\n");
  found = machine();
  EXPECT_EQ(found.governor, "powersave");
  EXPECT_EQ(found.nominal_mhz, 3000.0);
  EXPECT_EQ(found.maximum_mhz, 3900.0);
  EXPECT_EQ(found.turbo, true);
  system_.file(cpus + "intel_pstate/no_turbo", "1\n");
  EXPECT_EQ(machine().turbo, false);
}

TEST_F(Machines, BoostOfOtherDrivers) {
  system_.file("sys/devices/system/cpu/cpufreq/boost", "1\n");
  EXPECT_EQ(machine().turbo, true);
}

TEST_F(Machines, AffinityLimitsTheUsableCores) {
  system_.file("proc/self/status", "Cpus_allowed_list:\t1-2\n");
  EXPECT_EQ(machine().usable_cores, 2);
  EXPECT_EQ(machine().logical_cores, 4);
}

TEST_F(Machines, QuotaOfVersion2) {
  put_into_group();
  system_.file("sys/fs/cgroup/job/cpu.max", "250000 100000\n");
  EXPECT_EQ(machine().cpu_quota, 2.5);
  EXPECT_EQ(machine().usable_cores, 2) << "rounded down";
  system_.file("sys/fs/cgroup/job/cpu.max", "50000 100000\n");
  EXPECT_EQ(machine().usable_cores, 1) << "but not below 1";
  system_.file("sys/fs/cgroup/job/cpu.max", "max 100000\n");
  EXPECT_EQ(machine().cpu_quota, std::nullopt);
  EXPECT_EQ(machine().usable_cores, 4);
}

TEST_F(Machines, TightestQuotaCountsWhereverItIs) {
  put_into_group();
  system_.file("sys/fs/cgroup/job/cpu.max", "200000 100000\n");
  system_.file("sys/fs/cgroup/cpu.max", "300000 100000\n");
  EXPECT_EQ(machine().cpu_quota, 2.0);
  system_.file("sys/fs/cgroup/job/cpu.max", "300000 100000\n");
  system_.file("sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(machine().cpu_quota, 1.0);
}

TEST_F(Machines, QuotaOfVersion1) {
  system_.file("proc/self/mountinfo",
               "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  system_.file("proc/self/cgroup", "4:cpu:/job\n");
  system_.file("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "300000\n");
  system_.file("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(machine().cpu_quota, 3.0);
  EXPECT_EQ(machine().usable_cores, 3);
  system_.file("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(machine().cpu_quota, std::nullopt);
}

TEST_F(Machines, MalformedQuotaIsNone) {
  put_into_group();
  for (const char* text : {"", "x y\n", "100000\n", "100000 0\n"}) {
    system_.file("sys/fs/cgroup/job/cpu.max", text);
    EXPECT_EQ(machine().cpu_quota, std::nullopt) << text;
  }
}

TEST_F(Machines, MemoryLimitOfTheControlGroup) {
  put_into_group();
  system_.file("sys/fs/cgroup/job/memory.max", "1048576\n");
  EXPECT_EQ(machine().usable_memory_bytes, 1048576);
  EXPECT_EQ(machine().memory_bytes, 16384 * kib);
  system_.file("sys/fs/cgroup/job/memory.max", "max\n");
  EXPECT_EQ(machine().usable_memory_bytes, 16384 * kib);
}

TEST_F(Machines, HypervisorByItsFlagAndByItsFirmware) {
  system_.file("proc/cpuinfo", "flags : sse2 hypervisor\n");
  EXPECT_EQ(machine().hypervisor, "unknown");
  system_.file("sys/class/dmi/id/product_name", "Google Compute Engine\n");
  EXPECT_EQ(machine().hypervisor, "Google Compute Engine");
  system_.file("sys/hypervisor/type", "xen\n");
  EXPECT_EQ(machine().hypervisor, "xen");
}

TEST_F(Machines, FirmwareOfABareMachineIsNoHypervisor) {
  system_.file("sys/class/dmi/id/product_name", "PowerEdge R640\n");
  EXPECT_EQ(machine().hypervisor, "");
}

TEST_F(Machines, Arm) {
  system_.file("proc/cpuinfo",
               "processor\t: 0\nFeatures\t: fp asimd sve\nCPU implementer\t: 0x41\n"
               "CPU variant\t: 0x1\nCPU part\t: 0xd40\nCPU revision\t: 1\n");
  EXPECT_EQ(machine().cpu_signature, "Arm 0x41/0xd40/0x1r1");
  EXPECT_EQ(machine().cpu_model, "Arm 0x41/0xd40/0x1r1");
  EXPECT_THAT(machine().instruction_sets, ElementsAre("asimd", "sve"));
}

TEST_F(Machines, CpusAreSpreadOverCoresBeforeSiblings) {
  EXPECT_THAT(spread_cpus(system_.root()), ElementsAre(0, 1, 2, 3));
  system_.file("proc/self/status", "Cpus_allowed_list:\t0,2,3\n");
  EXPECT_THAT(spread_cpus(system_.root()), ElementsAre(0, 3, 2)) << "2 is the sibling of 0";
}

TEST(SpreadCpus, OneOfEachLastLevelCacheInTurn) {
  MadeSystem system;
  system.file("proc/self/status", "Cpus_allowed_list:\t0-3\n");
  for (int cpu = 0; cpu < 4; ++cpu) {
    const std::string folder = fmt::format("sys/devices/system/cpu/cpu{}/", cpu);
    system.file(folder + "topology/thread_siblings_list", std::to_string(cpu));
    system.file(folder + "cache/index3/shared_cpu_list", cpu < 2 ? "0-1" : "2-3");
  }
  EXPECT_THAT(spread_cpus(system.root()), ElementsAre(0, 2, 1, 3));
}

TEST(EmptySystem, GivesDefaults) {
  const MadeSystem system;
  const Machine found = describe_machine(system.root());
  EXPECT_EQ(found, Machine{});
  EXPECT_THAT(spread_cpus(system.root()), IsEmpty());
}

TEST(ThisMachine, IsDescribed) {
  const Machine found = describe_machine();
  EXPECT_GE(found.usable_cores, 1);
  EXPECT_LE(found.usable_cores, found.logical_cores);
  EXPECT_LE(found.physical_cores, found.logical_cores);
  EXPECT_GT(found.memory_bytes, 0);
  EXPECT_FALSE(found.kernel.empty());
  EXPECT_EQ(machine_id(found), machine_id(describe_machine()));
}

TEST_F(Machines, IdTellsHardwareAndNotSettings) {
  const std::string id = machine_id(machine());
  EXPECT_EQ(id.size(), 32U);
  Machine other = machine();
  other.governor = "performance";
  other.usable_cores = 1;
  other.turbo = true;
  other.kernel = "7.0";
  other.memory_bytes += 4 * kib;
  EXPECT_EQ(machine_id(other), id);

  const auto changed = [&](auto change) {
    Machine copy = machine();
    change(copy);
    return machine_id(copy) != id;
  };
  EXPECT_TRUE(changed([](Machine& m) { m.cpu_model += "x"; }));
  EXPECT_TRUE(changed([](Machine& m) { m.cpu_signature += "x"; }));
  EXPECT_TRUE(changed([](Machine& m) { m.hypervisor = "KVM"; }));
  EXPECT_TRUE(changed([](Machine& m) { m.logical_cores += 1; }));
  EXPECT_TRUE(changed([](Machine& m) { m.instruction_sets.pop_back(); }));
  EXPECT_TRUE(changed([](Machine& m) { m.caches[3].bytes += kib; }));
  EXPECT_TRUE(changed([](Machine& m) { m.memory_bytes += 4 * kib * kib * kib; }));
}

}  // namespace
}  // namespace moliere::bench
