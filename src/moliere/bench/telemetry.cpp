// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/telemetry.hpp"

#include "moliere/bench/system_files.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

namespace moliere::bench {
namespace fs = std::filesystem;
namespace {

/// The first line of /proc/stat: user nice system idle iowait irq softirq steal guest guest_nice,
/// in ticks; the guests' time is in user and nice already (proc_stat(5)).
void read_processor_times(Telemetry& telemetry, const std::string& line) {
  const std::vector<std::string> fields = split_fields(line);
  const auto ticks_per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto seconds = [&](std::size_t field) {
    return field < fields.size()
               ? static_cast<double>(parse_integer(fields[field]).value_or(0)) / ticks_per_s
               : 0.0;
  };
  telemetry.user_s = seconds(0) + seconds(1);
  telemetry.system_s = seconds(2) + seconds(5) + seconds(6);
  telemetry.idle_s = seconds(3) + seconds(4);
  telemetry.steal_s = seconds(7);
}

struct CoreReadings {
  std::optional<double> fastest_mhz;
  std::optional<std::int64_t> thermal_throttles;
};

CoreReadings read_cores(const fs::path& root) {
  const fs::path base = root / "sys/devices/system/cpu";
  CoreReadings readings;
  for (const int cpu : parse_cpu_list(read_system_text(base / "online").value_or(""))) {
    const fs::path folder = base / fmt::format("cpu{}", cpu);
    if (const auto khz = read_system_integer(folder / "cpufreq/scaling_cur_freq")) {
      readings.fastest_mhz =
          std::max(readings.fastest_mhz.value_or(0), static_cast<double>(*khz) / khz_per_mhz);
    }
    if (const auto n = read_system_integer(folder / "thermal_throttle/core_throttle_count")) {
      readings.thermal_throttles = readings.thermal_throttles.value_or(0) + *n;
    }
  }
  return readings;
}

/// Summed over the process's group and those above it, since each counts its own quota alone.
/// `cpu.stat` counts in us in version 2, in ns in version 1.
std::optional<double> quota_throttled_s(const fs::path& root) {
  std::optional<double> total;
  const auto add = [&](const std::vector<fs::path>& folders, const char* key, double unit_s) {
    for (const fs::path& folder : folders) {
      const std::string text = read_system_text(folder / "cpu.stat").value_or("");
      const auto value = parse_integer(value_of(parse_keys(text, ' '), key));
      if (value) total = total.value_or(0) + static_cast<double>(*value) * unit_s;
    }
  };
  const ControlGroups groups = control_groups(root, "cpu");
  add(groups.version2, "throttled_usec", 1e-6);
  add(groups.version1, "throttled_time", 1e-9);
  return total;
}

template <class T>
T increase(T before, T after) {
  return std::max(after - before, T{});
}

template <class T>
std::optional<T> increase(const std::optional<T>& before, const std::optional<T>& after) {
  if (!before || !after) return std::nullopt;
  return increase(*before, *after);
}

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

Telemetry read_telemetry(const fs::path& root) {
  Telemetry telemetry;
  telemetry.at_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  const auto stat = parse_keys(read_system_text(root / "proc/stat").value_or(""), ' ');
  read_processor_times(telemetry, value_of(stat, "cpu"));
  telemetry.context_switches = parse_integer(value_of(stat, "ctxt")).value_or(0);
  const auto vmstat = parse_keys(read_system_text(root / "proc/vmstat").value_or(""), ' ');
  telemetry.pages_swapped = parse_integer(value_of(vmstat, "pswpin")).value_or(0) +
                            parse_integer(value_of(vmstat, "pswpout")).value_or(0);
  const CoreReadings cores = read_cores(root);
  telemetry.mhz = cores.fastest_mhz;
  telemetry.thermal_throttles = cores.thermal_throttles;
  telemetry.quota_throttled_s = quota_throttled_s(root);
  const auto load = split_fields(read_system_text(root / "proc/loadavg").value_or(""));
  if (!load.empty()) telemetry.load1 = std::strtod(load[0].c_str(), nullptr);
  return telemetry;
}

TelemetryDelta between(const Telemetry& before, const Telemetry& after) {
  TelemetryDelta delta;
  delta.seconds = increase(before.at_s, after.at_s);
  const double system_s = increase(before.system_s, after.system_s);
  delta.steal_s = increase(before.steal_s, after.steal_s);
  delta.busy_s = increase(before.user_s, after.user_s) + system_s + delta.steal_s;
  delta.busy_share = share(delta.busy_s, delta.busy_s + increase(before.idle_s, after.idle_s));
  delta.steal_share = share(delta.steal_s, delta.busy_s);
  delta.system_share = share(system_s, delta.busy_s);
  delta.context_switches_per_s =
      share(static_cast<double>(increase(before.context_switches, after.context_switches)),
            delta.seconds);
  delta.pages_swapped = increase(before.pages_swapped, after.pages_swapped);
  delta.thermal_throttles = increase(before.thermal_throttles, after.thermal_throttles);
  delta.quota_throttled_s = increase(before.quota_throttled_s, after.quota_throttled_s);
  delta.load1 = after.load1;
  delta.mhz_before = before.mhz;
  delta.mhz_after = after.mhz;
  return delta;
}

}  // namespace moliere::bench
