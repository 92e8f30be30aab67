// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/doctor.hpp"

#include "moliere/bench/calibration_kernel.hpp"
#include "moliere/bench/roofline.hpp"
#include "moliere/bench/system_files.hpp"
#include "moliere/stats/quantile.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

namespace moliere::bench {
namespace fs = std::filesystem;
namespace {

using Severity = Finding::Severity;

std::string percent(double share) { return fmt::format("{:.2g} %", 100 * share); }

/// All that a judgement may look at.
struct Facts {
  const Machine& machine;
  const TelemetryDelta delta;
  const Surroundings& surroundings;
};

Finding governor(const Facts& facts) {
  constexpr std::string_view topic = "frequency governor";
  const std::string& name = facts.machine.governor;
  if (name.empty()) {
    return {Severity::note, std::string(topic), "the kernel does not control the clock here",
            "firmware or a hypervisor sets it, and nothing on this side can hold it still", ""};
  }
  // intel_pstate and amd_pstate call "powersave" what others call "schedutil": it follows the load.
  if (name != "performance") {
    return {Severity::warning, std::string(topic), fmt::format("the governor is {}", name),
            "the clock rises only after work has begun, so short measurements come out slower",
            "sudo cpupower frequency-set --governor performance"};
  }
  return {Severity::ok, std::string(topic), "the governor is performance", "", ""};
}

Finding turbo(const Facts& facts) {
  constexpr std::string_view topic = "turbo";
  if (!facts.machine.turbo) {
    return {Severity::note, std::string(topic), "whether the processor has turbo cannot be seen",
            "the clock may depend on heat and on how many cores are busy", ""};
  }
  if (*facts.machine.turbo) {
    return {Severity::note, std::string(topic), "turbo is on",
            "the clock depends on heat and on how many cores are busy, so figures wander by some "
            "per cent; comparisons within a run are not biased by it",
            "for the steadiest figures: echo 1 | sudo tee "
            "/sys/devices/system/cpu/intel_pstate/no_turbo, or echo 0 | sudo tee "
            "/sys/devices/system/cpu/cpufreq/boost"};
  }
  return {Severity::ok, std::string(topic), "turbo is off", "", ""};
}

Finding frequency(const Facts& facts) {
  constexpr std::string_view topic = "clock frequency";
  const std::optional<double>& before = facts.delta.mhz_before;
  const std::optional<double>& after = facts.delta.mhz_after;
  if (!before || !after) {
    return {Severity::note, std::string(topic), "the clock cannot be read here",
            "its changes show only in the times of the calibration kernel", ""};
  }
  return {Severity::ok, std::string(topic),
          fmt::format("the fastest core ran at {:.0f} MHz, then at {:.0f} MHz", *before, *after),
          "", ""};
}

Finding heat(const Facts& facts) {
  constexpr std::string_view topic = "heat";
  const std::optional<std::int64_t>& throttles = facts.delta.thermal_throttles;
  if (throttles.value_or(0) > 0) {
    return {Severity::warning, std::string(topic),
            fmt::format("cores were slowed down {} times for their heat", *throttles),
            "the clock falls in the course of a run", "let it cool; improve the cooling"};
  }
  return {Severity::ok, std::string(topic),
          throttles ? "no core was slowed down for its heat" : "slowing down is not reported here",
          "", ""};
}

Finding battery(const Facts& facts) {
  if (facts.surroundings.on_battery) {
    return {Severity::warning, "power", "the machine runs on its battery",
            "power saving holds the clock down", "plug it in"};
  }
  return {Severity::ok, "power", "the machine is not on a battery", "", ""};
}

Finding siblings(const Facts& facts) {
  constexpr std::string_view topic = "SMT siblings";
  const Machine& machine = facts.machine;
  if (machine.smt) {
    return {Severity::note, std::string(topic),
            fmt::format("{} logical cores share {} physical ones", machine.logical_cores,
                        machine.physical_cores),
            "two threads on one core halve each other's speed, and a neighbour disturbs a "
            "measurement",
            fmt::format("measure with at most {} threads, or switch SMT off: echo off | sudo tee "
                        "/sys/devices/system/cpu/smt/control",
                        machine.physical_cores)};
  }
  if (!machine.hypervisor.empty()) {
    return {Severity::note, std::string(topic), "every core looks like a physical one",
            "a hypervisor may hide that two are one", ""};
  }
  return {Severity::ok, std::string(topic), "every logical core is a physical one", "", ""};
}

Finding scaling(const Facts& facts) {
  constexpr std::string_view topic = "cores together";
  const std::optional<double>& scaling = facts.surroundings.core_scaling;
  if (!scaling) return {Severity::ok, std::string(topic), "there is one core only", "", ""};
  std::string what = fmt::format("{} cores together compute {:.2g} times as fast as one",
                                 facts.machine.usable_cores, *scaling * facts.machine.usable_cores);
  // Siblings on one core give 0.5; a lower clock with all cores busy 0.7 to 0.9.
  constexpr double siblings_below = 0.65;
  if (*scaling < siblings_below) {
    return {Severity::note, std::string(topic), std::move(what),
            "some of them are siblings on one physical core, seen or hidden by a hypervisor, or "
            "others keep them busy",
            "measure with fewer threads than cores"};
  }
  return {Severity::ok, std::string(topic), std::move(what), "", ""};
}

Finding core_count(const Facts& facts) {
  constexpr std::string_view topic = "cores";
  const int cores = facts.machine.usable_cores;
  if (cores < 2) {
    return {Severity::warning, std::string(topic), "this process may use one core only",
            "all else that runs here takes its time from what is measured",
            "use a machine, an affinity mask or a quota with two cores or more"};
  }
  constexpr int comfortable = 4;
  if (cores < comfortable) {
    return {
        Severity::note, std::string(topic), fmt::format("{} cores are usable", cores),
        fmt::format("measuring with {} threads leaves no core for the rest of the system", cores),
        fmt::format("measure with at most {} thread{}", cores - 1, cores > 2 ? "s" : "")};
  }
  return {Severity::ok, std::string(topic), fmt::format("{} cores are usable", cores), "", ""};
}

Finding quota(const Facts& facts) {
  constexpr std::string_view topic = "CPU quota";
  if (!facts.machine.cpu_quota) {
    return {Severity::ok, std::string(topic), "no control group limits the CPU time", "", ""};
  }
  const double held_back_s = facts.delta.quota_throttled_s.value_or(0);
  std::string what = fmt::format("a control group grants {:.3g} cores", *facts.machine.cpu_quota);
  if (held_back_s > 0) what += fmt::format("; it held this group back for {:.2g} s", held_back_s);
  return {Severity::warning, std::string(topic), std::move(what),
          "who uses it up stands still until the next period (usually 100 ms): single calls "
          "become a hundred times slower",
          "grant whole cores instead of time (docker: --cpuset-cpus, not --cpus), or use fewer "
          "threads than the quota"};
}

Finding hypervisor(const Facts& facts) {
  constexpr std::string_view topic = "hypervisor";
  if (facts.machine.hypervisor.empty()) {
    return {Severity::ok, std::string(topic), "none was found", "", ""};
  }
  return {Severity::note, std::string(topic),
          fmt::format("this is a virtual machine ({})", facts.machine.hypervisor),
          "other guests share caches, memory bandwidth and the clock, unseen from here",
          "compare engines in one interleaved run only; for absolute figures use a machine of "
          "your own"};
}

Finding steal(const Facts& facts) {
  constexpr std::string_view topic = "steal time";
  const double share = facts.delta.steal_share;
  // The kernel counts in steps of 10 ms: in a look of a second or two one step is about 1 %.
  constexpr double visible = 0.02;
  if (share >= visible) {
    return {Severity::warning, std::string(topic),
            fmt::format("the hypervisor gave {} of the wanted time to others", percent(share)),
            "a stolen slice makes one call some ms longer: means and high quantiles suffer",
            "wait for a quieter hour, or use dedicated cores"};
  }
  return {Severity::ok, std::string(topic),
          facts.machine.hypervisor.empty() ? "none"
                                           : fmt::format("{} of the wanted time", percent(share)),
          "", ""};
}

Finding load(const Facts& facts) {
  constexpr std::string_view topic = "load";
  const double per_core = facts.delta.load1 / facts.machine.usable_cores;
  std::string what = fmt::format(
      "{:.2f} threads ran or waited in the last minute, on {} usable "
      "cores",
      facts.delta.load1, facts.machine.usable_cores);
  // Half of the cores busy: a thread that moves meets another one.
  constexpr double high = 0.5;
  if (per_core >= high) {
    return {Severity::warning, std::string(topic), std::move(what),
            "other work takes cores, caches and memory bandwidth away",
            "end it or wait for its end"};
  }
  return {Severity::ok, std::string(topic), std::move(what), "", ""};
}

Finding other_processes(const Facts& facts) {
  constexpr std::string_view topic = "other processes";
  std::string names;
  // Less is what daemons use now and then.
  constexpr double noticeable_cores = 0.05;
  constexpr int most_named = 5;
  int named = 0;
  double cores = 0;
  for (const BusyProcess& process : facts.surroundings.busy_processes) {
    if (process.cores < noticeable_cores) continue;
    cores += process.cores;
    if (++named > most_named) continue;
    names += fmt::format("{}{} (process {}, {:.2f} cores)", names.empty() ? "" : ", ", process.name,
                         process.id, process.cores);
  }
  if (named == 0) return {Severity::ok, std::string(topic), "none is busy", "", ""};
  if (named > most_named) names += fmt::format(" and {} more", named - most_named);
  return {Severity::warning, std::string(topic), fmt::format("busy: {}", names),
          fmt::format("together they take {:.2f} cores", cores), "end them or wait for their end"};
}

Finding swap(const Facts& facts) {
  constexpr std::string_view topic = "swap";
  constexpr double bytes_per_mib = 1024.0 * 1024.0;
  const double used_mib = static_cast<double>(facts.surroundings.swap_used_bytes) / bytes_per_mib;
  if (facts.delta.pages_swapped > 0) {
    return {Severity::warning, std::string(topic),
            fmt::format("{} pages were swapped while this looked", facts.delta.pages_swapped),
            "memory is short: a touched page costs ms", "free memory, or sudo swapoff -a"};
  }
  if (used_mib > 0) {
    return {Severity::note, std::string(topic), fmt::format("{:.0f} MiB are in use", used_mib),
            "memory was short before; pages come back at the first touch",
            "sudo swapoff -a && sudo swapon -a"};
  }
  return {Severity::ok, std::string(topic), "not in use", "", ""};
}

Finding huge_pages(const Facts& facts) {
  constexpr std::string_view topic = "transparent huge pages";
  const std::string& mode = facts.surroundings.huge_pages;
  if (mode == "always") {
    return {Severity::note, std::string(topic), "always",
            "big models are faster or slower by some per cent as huge pages happened to be free "
            "when a process started",
            "nothing, or: echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"};
  }
  if (mode == "never") {
    return {Severity::note, std::string(topic), "never",
            "weights of many MiB pay for address translation, and so does the measured bandwidth",
            "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"};
  }
  return {Severity::ok, std::string(topic), mode.empty() ? "the kernel has none" : mode, "", ""};
}

Finding address_layout(const Facts& facts) {
  constexpr std::string_view topic = "address space layout";
  if (facts.surroundings.address_randomisation == 0) {
    return {Severity::note, std::string(topic), "it is not randomised",
            "every start of an engine meets the same lucky or unlucky layout, and starting again "
            "does not average over it",
            "sudo sysctl kernel.randomize_va_space=2"};
  }
  return {Severity::ok, std::string(topic),
          facts.surroundings.address_randomisation
              ? "it is randomised: repeated starts average over it"
              : "whether it is randomised cannot be read",
          "", ""};
}

Finding performance_counters(const Facts& facts) {
  constexpr std::string_view topic = "performance counters";
  const std::optional<int>& paranoid = facts.surroundings.perf_event_paranoid;
  if (!paranoid || !facts.surroundings.has_hardware_counters) {
    return {Severity::note, std::string(topic), "the processor's counters are not visible",
            "perf and VTune can sample time here, but count no cycles or cache misses",
            "on a virtual machine the host has to pass them on"};
  }
  // Up to 2 a user may profile programs of their own.
  constexpr int own_programs = 2;
  if (*paranoid > own_programs && ::geteuid() != 0) {
    return {Severity::note, std::string(topic),
            fmt::format("kernel.perf_event_paranoid is {}", *paranoid),
            "profilers need more rights (bench --once is made for them)",
            "sudo sysctl kernel.perf_event_paranoid=2"};
  }
  return {Severity::ok, std::string(topic), "profilers can use them", "", ""};
}

Finding clock_source(const Facts& facts) {
  constexpr std::string_view topic = "clock source";
  const std::string& name = facts.surroundings.clock_source;
  if (name.empty()) {
    return {Severity::note, std::string(topic), "it cannot be read",
            "reading the clock may cost more than usual", ""};
  }
  // Those that a program reads without the kernel, in some 20 ns.
  constexpr std::array<std::string_view, 4> quick = {"tsc", "arch_sys_counter", "kvm-clock",
                                                     "hyperv_clocksource_tsc_page"};
  if (std::ranges::find(quick, name) != quick.end()) {
    return {Severity::ok, std::string(topic), name, "", ""};
  }
  return {Severity::warning, std::string(topic), name,
          "each reading of the clock is a system call of about 1 us: short calls are measured in "
          "large batches, and quantiles blur",
          "boot with clocksource=tsc where the processor's counter is steady"};
}

Finding calibration(const Facts& facts) {
  constexpr std::string_view topic = "steadiness";
  std::vector<double> times = facts.surroundings.calibration_ns;
  constexpr std::size_t enough = 20;
  if (times.size() < enough) {
    return {Severity::note, std::string(topic), "the calibration kernel ran too seldom to tell",
            "how much the machine's speed wanders is not known", "look for longer"};
  }
  std::ranges::sort(times);
  const double median = stats::quantile(times, 0.5);
  const double spread = (stats::quantile(times, 0.9) - stats::quantile(times, 0.1)) / median;
  std::string what = fmt::format(
      "a fixed piece of arithmetic takes {:.3f} ms; the middle 80 % of {} runs spread by {}",
      median / 1e6, times.size(), percent(spread));
  // 2 % is what "same" means in a verdict; beyond 10 % hardly anything can be decided in a minute.
  constexpr double unsteady = 0.02;
  constexpr double useless = 0.10;
  if (spread >= unsteady) {
    return {spread >= useless ? Severity::warning : Severity::note, std::string(topic),
            std::move(what), "the machine's speed itself wanders: more rounds are needed",
            "see the other findings; give --budget more time"};
  }
  return {Severity::ok, std::string(topic), std::move(what), "", ""};
}

/// The word in brackets of "always [madvise] never".
std::string chosen(const std::string& text) {
  const std::size_t open = text.find('[');
  const std::size_t close = text.find(']', open);
  if (open == std::string::npos || close == std::string::npos) return "";
  return text.substr(open + 1, close - open - 1);
}

/// There is a mains supply and none of them is connected.
bool runs_on_battery(const fs::path& root) {
  bool has_mains = false;
  std::error_code error;
  for (const auto& supply : fs::directory_iterator(root / "sys/class/power_supply", error)) {
    if (read_system_text(supply.path() / "type") != "Mains") continue;
    has_mains = true;
    if (read_system_integer(supply.path() / "online") == 1) return false;
  }
  return has_mains;
}

/// Any unit of the processor core's own events: "cpu", on machines with two kinds of cores
/// "cpu_core", on Arm "armv8_...".
bool find_hardware_counters(const fs::path& root) {
  std::error_code error;
  const fs::path folder = root / "sys/bus/event_source/devices";
  for (const auto& device : fs::directory_iterator(folder, error)) {
    const std::string name = device.path().filename();
    if (name == "cpu" || name == "cpu_core" || name.starts_with("armv8")) return true;
  }
  return false;
}

std::optional<int> read_int(const fs::path& file) {
  const std::optional<std::int64_t> value = read_system_integer(file);
  return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::ok:
      return "ok";
    case Severity::note:
      return "note";
    case Severity::warning:
      break;
  }
  return "warning";
}

Surroundings read_surroundings(const fs::path& root) {
  Surroundings surroundings;
  surroundings.huge_pages =
      chosen(read_system_text(root / "sys/kernel/mm/transparent_hugepage/enabled").value_or(""));
  surroundings.clock_source =
      read_system_text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource")
          .value_or("");
  surroundings.address_randomisation = read_int(root / "proc/sys/kernel/randomize_va_space");
  surroundings.perf_event_paranoid = read_int(root / "proc/sys/kernel/perf_event_paranoid");
  surroundings.has_hardware_counters = find_hardware_counters(root);
  surroundings.on_battery = runs_on_battery(root);
  const auto memory = parse_keys(read_system_text(root / "proc/meminfo").value_or(""), ':');
  constexpr std::int64_t bytes_per_kb = 1024;
  const auto kilobytes = [&](const char* key) {
    return parse_integer(value_of(memory, key)).value_or(0);
  };
  surroundings.swap_used_bytes = (kilobytes("SwapTotal") - kilobytes("SwapFree")) * bytes_per_kb;
  return surroundings;
}

std::vector<Finding> examine(const Machine& machine, const Telemetry& before,
                             const Telemetry& after, const Surroundings& surroundings) {
  const Facts facts{machine, between(before, after), surroundings};
  std::vector<Finding> findings;
  for (const auto judge : {calibration, load, other_processes, core_count, scaling, quota, siblings,
                           governor, turbo, frequency, heat, battery, hypervisor, steal, swap,
                           huge_pages, address_layout, clock_source, performance_counters}) {
    findings.push_back(judge(facts));
  }
  return findings;
}

std::vector<Finding> examine_this_machine(double seconds, Progress& progress) {
  using Clock = std::chrono::steady_clock;
  const Machine machine = describe_machine();
  Surroundings surroundings = read_surroundings();
  const Telemetry before = read_telemetry();
  const std::vector<ProcessTime> processes = read_process_times();
  const Clock::time_point start = Clock::now();
  const auto passed_s = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  while (passed_s() < seconds) {
    progress.update(passed_s(), seconds, "looking at the machine");
    const double ns = calibration_kernel_ns();
    surroundings.calibration_ns.push_back(ns);
    // As long again asleep, as between the rounds of a benchmark.
    std::this_thread::sleep_for(std::chrono::duration<double, std::nano>(ns));
  }
  surroundings.busy_processes =
      busy_between(processes, read_process_times(), passed_s(), static_cast<int>(::getpid()));
  const Telemetry after = read_telemetry();
  if (const int cores = machine.usable_cores; cores > 1) {
    surroundings.core_scaling = measure_peak_f32(cores) / (cores * measure_peak_f32(1));
  }
  return examine(machine, before, after, surroundings);
}

std::vector<ProcessTime> read_process_times(const fs::path& root) {
  std::vector<ProcessTime> processes;
  const auto ticks_per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root / "proc", error)) {
    const std::optional<std::int64_t> id = parse_integer(entry.path().filename().string());
    if (!id) continue;
    // "12 (a name) S ...": a name may hold anything, so the last bracket counts (proc_pid_stat(5)).
    const std::string text = read_system_text(entry.path() / "stat").value_or("");
    const std::size_t open = text.find('(');
    const std::size_t close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos || close < open) continue;
    const std::vector<std::string> fields = split_fields(std::string_view(text).substr(close + 1));
    constexpr std::size_t user_time = 11;  // field 14 of the page, counted from the state
    if (fields.size() <= user_time + 1) continue;
    const std::int64_t ticks = parse_integer(fields[user_time]).value_or(0) +
                               parse_integer(fields[user_time + 1]).value_or(0);
    processes.push_back({.id = static_cast<int>(*id),
                         .name = text.substr(open + 1, close - open - 1),
                         .cpu_s = static_cast<double>(ticks) / ticks_per_s});
  }
  return processes;
}

std::vector<BusyProcess> busy_between(const std::vector<ProcessTime>& before,
                                      const std::vector<ProcessTime>& after, double seconds,
                                      int own_id) {
  std::map<int, double> earlier_s;
  for (const ProcessTime& process : before) earlier_s[process.id] = process.cpu_s;
  std::vector<BusyProcess> busy;
  constexpr double hundredth = 0.01;
  for (const ProcessTime& process : after) {
    if (process.id == own_id) continue;
    // One that started in between has used all of its time since.
    const double cores = (process.cpu_s - earlier_s[process.id]) / seconds;
    if (cores >= hundredth) busy.push_back({process.id, process.name, cores});
  }
  std::ranges::sort(busy, std::greater{}, &BusyProcess::cores);
  return busy;
}

}  // namespace moliere::bench
