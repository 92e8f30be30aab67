// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/random.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace moliere::judge::classifier::detail {

/// Fisher and Yates; std::shuffle differs between standard libraries.
template <class T>
void shuffle(std::vector<T>& values, RandomStream& stream) {
  for (std::size_t left = values.size(); left > 1; --left) {
    // A sample has fewer than 2^32 showers.
    std::swap(values[left - 1], values[stream.below(static_cast<std::uint32_t>(left))]);
  }
}

}  // namespace moliere::judge::classifier::detail
