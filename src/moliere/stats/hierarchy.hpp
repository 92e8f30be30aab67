// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <vector>

namespace moliere::stats {

/// values[process][round]: rounds in the order they were taken, within one start of a process.
/// Processes may have different numbers of rounds; each counts the same.
using Hierarchy = std::vector<std::vector<double>>;

/// Holds the quantity that it belongs to in a share `level` of all experiments.
struct Interval {
  double lower = 0;
  double upper = 0;
  double level = 0;
};

struct Estimate {
  double value = 0;
  Interval interval;
};

/// (upper - lower) / (2 value): 0.01 reads "+-1 %". Infinite when the interval is unbounded.
double relative_half_width(const Interval& interval, double value);

/// The typical value of a positive quantity that scatters from round to round and shifts from one
/// process start to the next: the geometric mean over processes of the median over rounds, in the
/// unit of `values` (time per call [ns]).
///
/// What is estimated: exp(E[log m]), with m the median time of one process and E the mean over all
/// processes that could be started. Where that shift has the same law up and down on a log scale
/// this is the median process. A machine whose speed drifts during the run adds to the scatter
/// between processes and widens the interval (it cannot be told from it).
///
/// The interval is Student's over the processes' medians, see locate() in location.hpp for what
/// happens with one process.
/// Throws Error when a process has no rounds or a value is not a positive finite number.
Estimate hierarchical_median(const Hierarchy& values, double level = 0.95);

}  // namespace moliere::stats
