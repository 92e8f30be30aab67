// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <vector>

namespace moliere::stats {

/// How much slower a fixed calibration kernel became: median(after) / median(before) - 1.
/// What unpaired_ratio() wants. Throws Error when either is empty or holds a value that is not a
/// positive finite number.
double relative_drift(const std::vector<double>& before, const std::vector<double>& after);

/// How much the machine's speed wandered during one run: the times of the calibration kernel, in
/// the order they were taken, are cut into up to eight successive groups of at least five; the
/// largest group median over the smallest, minus 1. Noise alone makes this a little larger than 0;
/// with fewer than ten times, which make no two groups, it is 0. Throws as relative_drift().
double drift_range(std::span<const double> in_order);

}  // namespace moliere::stats
