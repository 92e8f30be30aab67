// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/doctor.hpp"

#include <set>

#include "bench/made_system.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace moliere::bench {
namespace {
using Severity = Finding::Severity;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A machine with nothing to complain about; each test spoils one thing.
class Doctor : public testing::Test {
 protected:
  Finding finding(std::string_view topic) const {
    for (Finding& found : examine(machine, before, after, surroundings)) {
      if (found.topic == topic) return found;
    }
    ADD_FAILURE() << "no finding about " << topic;
    return {};
  }
  void expect(std::string_view topic, Severity severity, std::string_view what) const {
    const Finding found = finding(topic);
    EXPECT_EQ(to_string(found.severity), to_string(severity)) << found.what;
    EXPECT_THAT(found.what, HasSubstr(what));
    EXPECT_EQ(found.why.empty(), severity == Severity::ok);
  }

  Machine machine{.logical_cores = 8,
                  .physical_cores = 8,
                  .usable_cores = 8,
                  .governor = "performance",
                  .turbo = false};
  Telemetry before{.at_s = 0, .thermal_throttles = 5, .mhz = 3000};
  Telemetry after{
      .at_s = 2, .user_s = 1, .idle_s = 15, .thermal_throttles = 5, .load1 = 0.2, .mhz = 3010};
  Surroundings surroundings{.huge_pages = "madvise",
                            .clock_source = "tsc",
                            .address_randomisation = 2,
                            .perf_event_paranoid = 2,
                            .has_hardware_counters = true,
                            .calibration_ns = std::vector<double>(100, 1e6)};
};

TEST_F(Doctor, IsContentWithAGoodMachine) {
  std::set<std::string> topics;
  for (const Finding& found : examine(machine, before, after, surroundings)) {
    EXPECT_EQ(found.severity, Severity::ok) << found.topic << ": " << found.what;
    EXPECT_TRUE(topics.insert(found.topic).second) << found.topic << " twice";
  }
  EXPECT_EQ(topics.size(), 19U);
}

TEST_F(Doctor, Governor) {
  machine.governor = "powersave";
  expect("frequency governor", Severity::warning, "powersave");
  EXPECT_THAT(finding("frequency governor").what_to_do, HasSubstr("performance"));
  machine.governor = "";
  expect("frequency governor", Severity::note, "does not control");
}

TEST_F(Doctor, Turbo) {
  machine.turbo = true;
  expect("turbo", Severity::note, "on");
  machine.turbo.reset();
  expect("turbo", Severity::note, "cannot be seen");
}

TEST_F(Doctor, Frequency) {
  expect("clock frequency", Severity::ok, "3010");
  after.mhz.reset();
  expect("clock frequency", Severity::note, "cannot be read");
}

TEST_F(Doctor, Heat) {
  after.thermal_throttles = 8;
  expect("heat", Severity::warning, "3 times");
}

TEST_F(Doctor, Battery) {
  surroundings.on_battery = true;
  expect("power", Severity::warning, "battery");
}

TEST_F(Doctor, Siblings) {
  machine.hypervisor = "KVM";
  expect("SMT siblings", Severity::note, "looks like");
  machine.smt = true;
  machine.physical_cores = 4;
  expect("SMT siblings", Severity::note, "8 logical cores share 4");
  EXPECT_THAT(finding("SMT siblings").what_to_do, HasSubstr("at most 4 threads"));
}

TEST_F(Doctor, FewCores) {
  machine.usable_cores = 3;
  expect("cores", Severity::note, "3");
  EXPECT_THAT(finding("cores").what_to_do, HasSubstr("at most 2 threads"));
  machine.usable_cores = 1;
  expect("cores", Severity::warning, "one core");
}

TEST_F(Doctor, CoresThatAreSiblings) {
  expect("cores together", Severity::ok, "one core only");
  surroundings.core_scaling = 0.8;
  expect("cores together", Severity::ok, "8 cores together compute 6.4 times");
  surroundings.core_scaling = 0.5;
  expect("cores together", Severity::note, "8 cores together compute 4 times");
}

TEST_F(Doctor, Quota) {
  machine.cpu_quota = 2.5;
  expect("CPU quota", Severity::warning, "2.5 cores");
  EXPECT_THAT(finding("CPU quota").what, Not(HasSubstr("held")));
  before.quota_throttled_s = 1;
  after.quota_throttled_s = 1.5;
  expect("CPU quota", Severity::warning, "held this group back for 0.5 s");
}

TEST_F(Doctor, Hypervisor) {
  machine.hypervisor = "KVM";
  expect("hypervisor", Severity::note, "KVM");
}

TEST_F(Doctor, Steal) {
  after.steal_s = 0.01;
  expect("steal time", Severity::ok, "");
  after.steal_s = 1;
  expect("steal time", Severity::warning, "50 %");
}

TEST_F(Doctor, Load) {
  after.load1 = 3.9;
  expect("load", Severity::ok, "3.90");
  after.load1 = 4.1;
  expect("load", Severity::warning, "4.10");
  machine.usable_cores = 16;
  expect("load", Severity::ok, "16 usable cores");
}

TEST_F(Doctor, OtherProcesses) {
  surroundings.busy_processes = {{1, "daemon", 0.03}};
  expect("other processes", Severity::ok, "none");
  surroundings.busy_processes = {{7, "compiler", 1.5}, {8, "browser", 0.25}, {1, "daemon", 0.03}};
  expect("other processes", Severity::warning, "compiler (process 7, 1.50 cores), browser");
  EXPECT_THAT(finding("other processes").what, Not(HasSubstr("daemon")));
  EXPECT_THAT(finding("other processes").why, HasSubstr("1.75 cores"));
  surroundings.busy_processes.assign(8, {7, "job", 1.0});
  expect("other processes", Severity::warning, "and 3 more");
}

TEST_F(Doctor, Swap) {
  surroundings.swap_used_bytes = 5 * 1024 * 1024;
  expect("swap", Severity::note, "5 MiB");
  after.pages_swapped = 9;
  expect("swap", Severity::warning, "9 pages");
}

TEST_F(Doctor, HugePages) {
  surroundings.huge_pages = "always";
  expect("transparent huge pages", Severity::note, "always");
  surroundings.huge_pages = "never";
  expect("transparent huge pages", Severity::note, "never");
  surroundings.huge_pages = "";
  expect("transparent huge pages", Severity::ok, "none");
}

TEST_F(Doctor, AddressLayout) {
  surroundings.address_randomisation = 0;
  expect("address space layout", Severity::note, "not randomised");
  surroundings.address_randomisation.reset();
  expect("address space layout", Severity::ok, "cannot be read");
}

TEST_F(Doctor, PerformanceCounters) {
  surroundings.perf_event_paranoid = 4;
  // Root may use them whatever the setting.
  if (finding("performance counters").severity != Severity::ok) {
    expect("performance counters", Severity::note, "paranoid is 4");
  }
  surroundings.has_hardware_counters = false;
  expect("performance counters", Severity::note, "not visible");
  surroundings.has_hardware_counters = true;
  surroundings.perf_event_paranoid.reset();
  expect("performance counters", Severity::note, "not visible");
}

TEST_F(Doctor, ClockSource) {
  surroundings.clock_source = "hpet";
  expect("clock source", Severity::warning, "hpet");
  surroundings.clock_source = "";
  expect("clock source", Severity::note, "cannot be read");
  surroundings.clock_source = "arch_sys_counter";
  expect("clock source", Severity::ok, "arch_sys_counter");
}

TEST_F(Doctor, Steadiness) {
  std::vector<double>& times = surroundings.calibration_ns;
  expect("steadiness", Severity::ok, "1.000 ms");
  times.front() = 1e9;
  expect("steadiness", Severity::ok, "spread by 0 %");
  for (std::size_t i = 0; i < 30; ++i) times[i] = 1.05e6;
  expect("steadiness", Severity::note, "spread by 5 %");
  for (std::size_t i = 0; i < 30; ++i) times[i] = 1.2e6;
  expect("steadiness", Severity::warning, "spread by 20 %");
  times.resize(5);
  expect("steadiness", Severity::note, "too seldom");
}

TEST(Surroundings, AreReadFromTheKernel) {
  MadeSystem system;
  system.file("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
  system.file("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
  system.file("proc/sys/kernel/randomize_va_space", "0\n");
  system.file("proc/sys/kernel/perf_event_paranoid", "-1\n");
  system.file("sys/bus/event_source/devices/cpu_core/type", "4\n");
  system.file("proc/meminfo", "SwapTotal: 100 kB\nSwapFree: 60 kB\n");
  const Surroundings found = read_surroundings(system.root());
  EXPECT_EQ(found.huge_pages, "never");
  EXPECT_EQ(found.clock_source, "hpet");
  EXPECT_EQ(found.address_randomisation, 0);
  EXPECT_EQ(found.perf_event_paranoid, -1);
  EXPECT_TRUE(found.has_hardware_counters);
  EXPECT_EQ(found.swap_used_bytes, 40 * 1024);
  EXPECT_FALSE(found.on_battery);
}

TEST(Surroundings, OfAnEmptySystemAreUnknown) {
  const MadeSystem system;
  const Surroundings found = read_surroundings(system.root());
  EXPECT_EQ(found.huge_pages, "");
  EXPECT_EQ(found.address_randomisation, std::nullopt);
  EXPECT_EQ(found.perf_event_paranoid, std::nullopt);
  EXPECT_FALSE(found.has_hardware_counters);
  EXPECT_FALSE(found.on_battery);
  EXPECT_EQ(found.swap_used_bytes, 0);
}

TEST(Surroundings, BatteryOnlyWhenNoMainsIsConnected) {
  MadeSystem system;
  system.file("sys/class/power_supply/BAT0/type", "Battery\n");
  EXPECT_FALSE(read_surroundings(system.root()).on_battery);
  system.file("sys/class/power_supply/AC/type", "Mains\n");
  system.file("sys/class/power_supply/AC/online", "0\n");
  EXPECT_TRUE(read_surroundings(system.root()).on_battery);
  system.file("sys/class/power_supply/AC/online", "1\n");
  EXPECT_FALSE(read_surroundings(system.root()).on_battery);
}

TEST(ProcessTimes, NamesMayHoldAnything) {
  MadeSystem system;
  system.file("proc/12/stat", "12 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 300 200 0 0 20\n");
  system.file("proc/13/stat", "13 (short) S 1 2\n");
  system.file("proc/14/other", "");
  system.file("proc/self/stat", "99 (self) S 1 2 3 4 5 6 7 8 9 10 300 200 0 0 20\n");
  const std::vector<ProcessTime> found = read_process_times(system.root());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id, 12);
  EXPECT_EQ(found[0].name, "a) b (c)");
  EXPECT_DOUBLE_EQ(found[0].cpu_s, 500.0 / static_cast<double>(::sysconf(_SC_CLK_TCK)));
}

TEST(BusyProcesses, BusiestFirstWithoutOneself) {
  const std::vector<ProcessTime> before = {{1, "init", 100}, {2, "job", 10}, {3, "me", 0}};
  const std::vector<ProcessTime> after = {
      {1, "init", 100.01}, {2, "job", 11}, {3, "me", 2}, {4, "new", 1.5}};
  EXPECT_THAT(busy_between(before, after, 2, 3),
              ElementsAre(BusyProcess{4, "new", 0.75}, BusyProcess{2, "job", 0.5}));
  EXPECT_THAT(busy_between(before, before, 2, 3), IsEmpty());
}

TEST(ThisMachine, IsExamined) {
  SilentProgress progress;
  EXPECT_FALSE(examine_this_machine(0.05, progress).empty());
}

}  // namespace
}  // namespace moliere::bench
