// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/onnx/graph.hpp"

#include <vector>

namespace moliere::onnx {

/// A shape none of whose dimensions is open.
inline std::vector<Dimension> fixed(const Shape& shape) {
  std::vector<Dimension> dimensions;
  for (const std::int64_t extent : shape) dimensions.push_back({.value = extent});
  return dimensions;
}

}  // namespace moliere::onnx
