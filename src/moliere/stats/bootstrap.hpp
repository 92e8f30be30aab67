// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/stats/location.hpp"

#include <cstddef>
#include <cstdint>

namespace moliere::stats {

/// The standard error of locate() by resampling: the readable reference that its closed form is
/// held to. Each resample draws as many processes as there are, with replacement and with all their
/// rounds, and takes the mean of their centres; the result is the standard deviation of these means
/// times sqrt(P / (P - 1)), which undoes that a sample scatters less about its own mean than about
/// the population's. Its own relative error is about 1 / sqrt(2 resamples).
/// Throws Error for fewer than two processes or resamples.
double bootstrap_standard_error(const Hierarchy& values, Centre centre,
                                std::size_t resamples = 2000, std::uint64_t seed = 1);

}  // namespace moliere::stats
