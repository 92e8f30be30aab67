// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/stopping.hpp"

#include <algorithm>

namespace moliere::stats {

std::string_view to_string(StopReason reason) {
  switch (reason) {
    case StopReason::precise:
      return "precise";
    case StopReason::time_cap:
      return "time cap";
    case StopReason::interrupted:
      break;
  }
  return "interrupted";
}

bool is_precise(const StoppingRule& rule, const Ratio& pair) {
  return judge(pair) != Verdict::undecided ||
         relative_half_width(pair.at999, pair.value) <= rule.relative_half_width;
}

bool is_precise(const StoppingRule& rule, const Estimate& median) {
  return relative_half_width(median.interval, median.value) <= rule.median_half_width;
}

std::optional<StopReason> stop_reason(const StoppingRule& rule, const Measured& measured) {
  const auto precise = [&rule](const auto& result) { return is_precise(rule, result); };
  if (measured.processes >= rule.minimum_processes && measured.rounds >= rule.minimum_rounds &&
      std::all_of(measured.pairs.begin(), measured.pairs.end(), precise) &&
      std::all_of(measured.medians.begin(), measured.medians.end(), precise))
    return StopReason::precise;
  if (measured.elapsed_s >= measured.time_cap_s) return StopReason::time_cap;
  return std::nullopt;
}

}  // namespace moliere::stats
