// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/telemetry.hpp"

#include "bench/made_system.hpp"
#include <gtest/gtest.h>
#include <unistd.h>

namespace moliere::bench {
namespace {

TEST(Telemetry, ReadsTheKernelsCounters) {
  MadeSystem system;
  system.file("proc/stat",
              "cpu  100 20 30 400 50 6 7 80 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nctxt 1234\n");
  system.file("proc/loadavg", "0.75 0.50 0.25 1/100 4242\n");
  system.file("proc/vmstat", "pgpgin 5\npswpin 3\npswpout 4\n");
  system.file("sys/devices/system/cpu/online", "0-1\n");
  for (const std::string cpu : {"cpu0", "cpu1"}) {
    const std::string folder = "sys/devices/system/cpu/" + cpu + "/";
    system.file(folder + "cpufreq/scaling_cur_freq", cpu == "cpu0" ? "800000\n" : "3500000\n");
    system.file(folder + "thermal_throttle/core_throttle_count", "2\n");
  }
  const Telemetry found = read_telemetry(system.root());
  const auto tick_s = 1.0 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  EXPECT_DOUBLE_EQ(found.user_s, 120 * tick_s) << "guests are in user time already";
  EXPECT_DOUBLE_EQ(found.system_s, 43 * tick_s);
  EXPECT_DOUBLE_EQ(found.idle_s, 450 * tick_s);
  EXPECT_DOUBLE_EQ(found.steal_s, 80 * tick_s);
  EXPECT_EQ(found.context_switches, 1234);
  EXPECT_EQ(found.pages_swapped, 7);
  EXPECT_DOUBLE_EQ(found.load1, 0.75);
  EXPECT_EQ(found.mhz, 3500.0);
  EXPECT_EQ(found.thermal_throttles, 4);
  EXPECT_EQ(found.quota_throttled_s, std::nullopt);
}

TEST(Telemetry, TimeThatQuotasHeldBack) {
  MadeSystem system;
  system.file("proc/self/mountinfo", "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  system.file("proc/self/cgroup", "0::/job\n");
  system.file("sys/fs/cgroup/job/cpu.stat", "usage_usec 5\nthrottled_usec 2000000\n");
  system.file("sys/fs/cgroup/cpu.stat", "usage_usec 5\nthrottled_usec 500000\n");
  EXPECT_EQ(read_telemetry(system.root()).quota_throttled_s, 2.5);

  MadeSystem older;
  older.file("proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  older.file("proc/self/cgroup", "4:cpu:/\n");
  older.file("sys/fs/cgroup/cpu/cpu.stat", "nr_throttled 3\nthrottled_time 1500000000\n");
  EXPECT_EQ(read_telemetry(older.root()).quota_throttled_s, 1.5);
}

TEST(Telemetry, MissingAndMalformedFilesAreZeros) {
  MadeSystem system;
  system.file("proc/stat", "cpu x y\n").file("proc/loadavg", "");
  Telemetry found = read_telemetry(system.root());
  found.at_s = 0;
  EXPECT_EQ(found, Telemetry{});
}

TEST(TelemetryDelta, Shares) {
  const Telemetry before{.at_s = 10,
                         .user_s = 1,
                         .system_s = 1,
                         .idle_s = 5,
                         .steal_s = 0,
                         .context_switches = 100,
                         .pages_swapped = 1,
                         .thermal_throttles = 1,
                         .quota_throttled_s = 0.5,
                         .load1 = 9,
                         .mhz = 2000};
  const Telemetry after{.at_s = 15,
                        .user_s = 3.5,
                        .system_s = 2,
                        .idle_s = 9,
                        .steal_s = 0.5,
                        .context_switches = 300,
                        .pages_swapped = 4,
                        .thermal_throttles = 3,
                        .quota_throttled_s = 0.75,
                        .load1 = 0.5,
                        .mhz = 3000};
  const TelemetryDelta delta = between(before, after);
  EXPECT_DOUBLE_EQ(delta.seconds, 5);
  EXPECT_DOUBLE_EQ(delta.busy_s, 4);
  EXPECT_DOUBLE_EQ(delta.busy_share, 0.5);
  EXPECT_DOUBLE_EQ(delta.steal_s, 0.5);
  EXPECT_DOUBLE_EQ(delta.steal_share, 0.125) << "of the time in which a core was wanted";
  EXPECT_DOUBLE_EQ(delta.system_share, 0.25);
  EXPECT_DOUBLE_EQ(delta.context_switches_per_s, 40);
  EXPECT_EQ(delta.pages_swapped, 3);
  EXPECT_EQ(delta.thermal_throttles, 2);
  EXPECT_EQ(delta.quota_throttled_s, 0.25);
  EXPECT_DOUBLE_EQ(delta.load1, 0.5);
  EXPECT_EQ(delta.mhz_before, 2000.0);
  EXPECT_EQ(delta.mhz_after, 3000.0);
}

TEST(TelemetryDelta, CountersThatRunBackwardsAndEmptyIntervals) {
  const Telemetry before{.at_s = 1, .idle_s = 5, .steal_s = 2};
  const Telemetry after{.at_s = 1, .idle_s = 4, .steal_s = 1};
  const TelemetryDelta delta = between(before, after);
  EXPECT_EQ(delta.steal_s, 0);
  EXPECT_EQ(delta.steal_share, 0);
  EXPECT_EQ(delta.busy_share, 0);
  EXPECT_EQ(delta.context_switches_per_s, 0);
  EXPECT_EQ(delta.thermal_throttles, std::nullopt);
}

TEST(ThisMachine, HasTelemetry) {
  const Telemetry first = read_telemetry();
  const Telemetry second = read_telemetry();
  EXPECT_GE(second.at_s, first.at_s);
  EXPECT_GT(first.user_s + first.system_s + first.idle_s, 0);
  EXPECT_GE(between(first, second).context_switches_per_s, 0);
}

}  // namespace
}  // namespace moliere::bench
