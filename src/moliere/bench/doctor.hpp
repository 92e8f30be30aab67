// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/machine.hpp"
#include "moliere/bench/telemetry.hpp"
#include "moliere/core/progress.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What on a machine disturbs measuring. Looking (observe) is apart from judging (examine), so that
/// every judgement can be tested on made machines.
namespace moliere::bench {

struct Finding {
  enum class Severity {
    ok,       // nothing to do
    note,     // part of the machine's nature; bear it in mind
    warning,  // spoils measurements
  };
  Severity severity = Severity::ok;
  std::string topic;       // "frequency governor"
  std::string what;        // what was found
  std::string why;         // why it matters; "" when all is well
  std::string what_to_do;  // a command where there is one; "" when there is nothing to do

  bool operator==(const Finding&) const = default;
};

/// "ok", "note", "warning".
std::string_view to_string(Finding::Severity severity);

struct BusyProcess {
  int id = 0;
  std::string name;
  double cores = 0;  // CPU time per wall time

  bool operator==(const BusyProcess&) const = default;
};

/// Settings and happenings that a benchmark's result need not hold.
struct Surroundings {
  std::string huge_pages;    // transparent ones: "always", "madvise", "never"; "" when not known
  std::string clock_source;  // "tsc", "arch_sys_counter", "hpet", ...
  std::optional<int> address_randomisation;  // kernel.randomize_va_space
  /// kernel.perf_event_paranoid; nothing when the kernel has no performance events.
  std::optional<int> perf_event_paranoid;
  bool has_hardware_counters = false;
  bool on_battery = false;
  std::int64_t swap_used_bytes = 0;
  /// Other processes that ran while it was looked, the busiest first.
  std::vector<BusyProcess> busy_processes;
  /// Times of the calibration kernel, one after the other [ns].
  std::vector<double> calibration_ns;
  /// Peak arithmetic of all usable cores together over that of as many single ones; nothing with
  /// one core.
  std::optional<double> core_scaling;
};

/// The settings; what has to be measured is left empty.
Surroundings read_surroundings(const std::filesystem::path& root = "/");

/// Judges. One finding for each topic, always in the same order.
std::vector<Finding> examine(const Machine& machine, const Telemetry& before,
                             const Telemetry& after, const Surroundings& surroundings);

/// Looks at this machine for `seconds`, running the calibration kernel half of the time, then at
/// how its cores work together (some 0.2 s), and judges.
std::vector<Finding> examine_this_machine(double seconds, Progress& progress);

/// CPU time of every process so far [s]; what cannot be read is left out.
struct ProcessTime {
  int id = 0;
  std::string name;
  double cpu_s = 0;
};
std::vector<ProcessTime> read_process_times(const std::filesystem::path& root = "/");
/// Those that used at least a hundredth of a core in between, without `own_id`, the busiest first.
std::vector<BusyProcess> busy_between(const std::vector<ProcessTime>& before,
                                      const std::vector<ProcessTime>& after, double seconds,
                                      int own_id);

}  // namespace moliere::bench
