// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/engine/engine.hpp"

#include <cstdint>

namespace moliere::worker {

/// Denormal (subnormal) numbers among the elements; 0 for types that are not floating-point.
/// They matter because arithmetic on them can be a hundred times slower.
std::int64_t count_denormals(const engine::ConstTensorView& tensor);

}  // namespace moliere::worker
