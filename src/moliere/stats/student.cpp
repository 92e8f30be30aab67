// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/student.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace moliere::stats {
namespace {

/// P(|T| <= sqrt(freedom) tan(theta)): the finite sums of Abramowitz and Stegun, 26.7.3 (odd
/// freedom n) and 26.7.4 (even), with s = sin(theta), c = cos(theta):
///   odd:  2/pi (theta + s (c + 2/3 c^3 + (2 4)/(3 5) c^5 + ... up to c^(n-2)))
///   even: s (1 + 1/2 c^2 + (1 3)/(2 4) c^4 + ... up to c^(n-2))
double central_probability(double theta, std::size_t freedom) {
  const double cosine = std::cos(theta);
  const bool odd = freedom % 2 == 1;
  double term = odd ? cosine : 1.0;
  double sum = 0;
  for (std::size_t power = odd ? 1 : 0; power + 2 <= freedom; power += 2) {
    sum += term;
    term *= cosine * cosine * static_cast<double>(power + 1) / static_cast<double>(power + 2);
  }
  sum *= std::sin(theta);
  return odd ? 2 / std::numbers::pi * (theta + sum) : sum;
}

}  // namespace

double student_quantile(double level, std::size_t freedom) {
  if (!(level > 0 && level < 1) || freedom == 0)
    throw Error(fmt::format("There is no Student quantile for level {} with {} degrees of freedom",
                            level, freedom),
                "the level is a probability inside (0, 1), and one value alone has no scatter",
                "Give a level such as 0.95 and at least two values.");
  constexpr std::size_t nearly_normal = 1000;  // the sums are as long as the degrees of freedom
  freedom = std::min(freedom, nearly_normal);
  double low = 0;
  double high = std::numbers::pi / 2;
  constexpr int halvings = 55;  // of pi/2: down to the spacing of doubles
  for (int i = 0; i < halvings; ++i) {
    const double middle = 0.5 * (low + high);
    (central_probability(middle, freedom) < level ? low : high) = middle;
  }
  return std::sqrt(static_cast<double>(freedom)) * std::tan(0.5 * (low + high));
}

}  // namespace moliere::stats
