// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

namespace moliere::bench {

/// The kernel's counters at one moment: of the whole system since its start unless said otherwise.
/// Processor times are summed over the cores; the kernel counts them in steps of 10 ms.
struct Telemetry {
  double at_s = 0;      // monotonic clock
  double user_s = 0;    // programs, "nice" ones and guests among them
  double system_s = 0;  // the kernel and its interrupts
  double idle_s = 0;    // idle or waiting for a disk
  double steal_s = 0;   // a core was wanted here, and the hypervisor gave it to another guest
  std::int64_t context_switches = 0;
  std::int64_t pages_swapped = 0;  // in or out
  /// How often a core was slowed down for its heat; nothing where it is not reported.
  std::optional<std::int64_t> thermal_throttles;
  /// How long the control groups' quota held this process's group back [s].
  std::optional<double> quota_throttled_s;
  double load1 = 0;  // threads that run or wait, averaged over a minute
  /// The fastest core's clock now [MHz]; nothing where the kernel does not tell.
  std::optional<double> mhz;

  bool operator==(const Telemetry&) const = default;
};

/// Reads /proc and /sys below `root`; costs well below 1 ms on a small machine.
Telemetry read_telemetry(const std::filesystem::path& root = "/");

/// What happened between two readings. Shares are in [0, 1].
struct TelemetryDelta {
  double seconds = 0;
  /// Core-seconds in which something ran or wanted to, and of all core-seconds their share.
  double busy_s = 0;
  double busy_share = 0;
  /// Of the time in which a core was wanted here, the part that the hypervisor gave away.
  double steal_s = 0;
  double steal_share = 0;
  /// Of the busy time, the kernel's part.
  double system_share = 0;
  double context_switches_per_s = 0;
  std::int64_t pages_swapped = 0;
  std::optional<std::int64_t> thermal_throttles;
  std::optional<double> quota_throttled_s;
  double load1 = 0;  // at the end
  /// Of the two readings [MHz]: two moments, not a mean.
  std::optional<double> mhz_before;
  std::optional<double> mhz_after;

  bool operator==(const TelemetryDelta&) const = default;
};

/// A counter that ran backwards (the kernel's idle and steal times can) counts as unchanged.
TelemetryDelta between(const Telemetry& before, const Telemetry& after);

}  // namespace moliere::bench
