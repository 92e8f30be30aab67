// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace moliere {

/// Extents of a tensor, outermost first; a scalar has none.
using Shape = std::vector<std::int64_t>;

/// Product of the extents (1 for a scalar). Throws Error for a negative extent or a product above
/// 2^62, so that a declared size can be trusted in arithmetic that follows.
std::int64_t element_count(const Shape& shape);

/// "(2, 3)"; "()" for a scalar.
std::string to_string(const Shape& shape);

}  // namespace moliere
