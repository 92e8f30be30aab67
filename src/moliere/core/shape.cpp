// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/shape.hpp"

#include "moliere/core/error.hpp"

#include <fmt/ranges.h>

namespace moliere {

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) {
      throw Error(fmt::format("shape {} has a negative extent", to_string(shape)),
                  "a tensor cannot have fewer than 0 elements",
                  "fix the dimension in the model or give it with --dim NAME=N");
    }
    if (extent == 0) {
      empty = true;
    } else if (count > (std::int64_t{1} << 62) / extent) {
      throw Error(fmt::format("shape {} has more than 2^62 elements", to_string(shape)),
                  "no machine can hold such a tensor", "check that the file is not damaged");
    } else {
      count *= extent;
    }
  }
  return empty ? 0 : count;
}

std::string to_string(const Shape& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

}  // namespace moliere
