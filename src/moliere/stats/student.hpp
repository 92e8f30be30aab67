// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>

namespace moliere::stats {

/// The t with P(|T| <= t) = level for Student's distribution with `freedom` degrees of freedom:
/// 2.776 for level 0.95 and freedom 4. Relative accuracy 1e-9 up to level 0.9999. Above 1000
/// degrees of freedom the value for 1000 is used, which is 0.1 % too large at level 0.95.
/// Throws Error unless 0 < level < 1 and freedom > 0.
double student_quantile(double level, std::size_t freedom);

}  // namespace moliere::stats
