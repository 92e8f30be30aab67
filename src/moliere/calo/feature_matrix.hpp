// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace moliere::calo {

/// One row of numbers a shower, row-major.
template <class T>
struct FeatureMatrix {
  int columns = 0;        ///< D
  std::vector<T> values;  ///< (N, D)

  std::int64_t rows() const {
    return columns == 0 ? 0 : static_cast<std::int64_t>(values.size()) / columns;
  }
  std::span<const T> row(std::int64_t i) const {
    const auto width = static_cast<std::size_t>(columns);
    return {values.data() + static_cast<std::size_t>(i) * width, width};
  }
  std::span<T> row(std::int64_t i) {
    const auto width = static_cast<std::size_t>(columns);
    return {values.data() + static_cast<std::size_t>(i) * width, width};
  }
};

}  // namespace moliere::calo
