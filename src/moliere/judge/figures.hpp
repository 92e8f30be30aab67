// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>
#include <string>

#include <fmt/format.h>

namespace moliere::judge {

/// Four digits; "-" for what is not finite.
inline std::string number(double value) {
  return std::isfinite(value) ? fmt::format("{:.4g}", value) : "-";
}
/// "0.5012 ± 0.002", the value alone where its error is not known (0).
inline std::string with_error(double value, double error) {
  return error > 0 ? fmt::format("{:.4g} ± {:.2g}", value, error) : number(value);
}

}  // namespace moliere::judge
