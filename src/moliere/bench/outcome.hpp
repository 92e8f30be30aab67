// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace moliere::bench {

/// How a cell of a benchmark ended. All but `measured` are rows with a reason, never a lost run.
enum class Outcome {
  measured,
  /// The engine says that it cannot do this model, option or device.
  not_supported,
  /// The engine's package or device is not here.
  not_available,
  /// The engine tried and reported an error.
  failed,
  /// The process died: an exit code or a signal.
  crashed,
  timed_out,
  out_of_memory,
  /// The worker sent what the protocol does not allow.
  protocol_error,
  /// The user pressed Ctrl-C before this cell had a figure.
  interrupted,
};

std::string_view to_string(Outcome outcome);
std::optional<Outcome> outcome_from_string(std::string_view name);

/// What went wrong, and in which phase (start, prepare, load, bind, infer, calibrate, measure).
struct Failure {
  Outcome outcome = Outcome::failed;
  std::string phase;
  std::string reason;
};

}  // namespace moliere::bench
