// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/stats/ratio.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace moliere::stats {

/// When a run has measured enough.
struct StoppingRule {
  /// Five: Student's 99.9 % quantile falls from 31.6 at three processes to 8.6 at five, and looking
  /// again and again (below) costs little from there on.
  std::size_t minimum_processes = 5;
  /// Of each process.
  std::size_t minimum_rounds = 5;
  /// Of a pair's 99.9 % interval, 0.01 is +-1 %. At this width every ratio outside 1.01 to 1.02 has
  /// had its verdict (see judge()), so a pair that is still undecided lies there and may stay so.
  double relative_half_width = 0.01;
  /// Of an engine's 95 % interval. Wider, since a machine's own drift is in it and does not cancel.
  double median_half_width = 0.02;
};

enum class StopReason {
  precise,      ///< every interval was narrow enough or had its verdict
  time_cap,     ///< the time was used up
  interrupted,  ///< the user ended it; never returned by stop_reason()
};

/// "precise", "time cap", "interrupted".
std::string_view to_string(StopReason reason);

/// What a run has measured so far.
struct Measured {
  std::size_t processes = 0;
  /// Of the process that has the fewest.
  std::size_t rounds = 0;
  /// One for each pair of engines.
  std::span<const Ratio> pairs;
  /// One for each engine, see hierarchical_median().
  std::span<const Estimate> medians;
  double elapsed_s = 0;
  double time_cap_s = 0;
};

/// Whether more rounds would change nothing of interest: judge() has a verdict, or the 99.9 %
/// interval is narrow enough.
bool is_precise(const StoppingRule& rule, const Ratio& pair);
/// Whether the median's interval is narrow enough.
bool is_precise(const StoppingRule& rule, const Estimate& median);

/// Why the run is to stop now; empty: it goes on. `precise` wants the minimum of processes and
/// rounds and every pair and median precise; `time_cap` wants nothing but the time.
///
/// A rule that looks at its own intervals stops by preference when the scatter happens to look
/// small. Asked after whole processes, with the minimum of five, that costs the ratios' intervals
/// less than 0.3 % of coverage on made data and the medians' up to 2 % (docs/measuring.md). Asked
/// after every round it has not been studied, and the last process counts with fewer rounds.
std::optional<StopReason> stop_reason(const StoppingRule& rule, const Measured& measured);

}  // namespace moliere::stats
