// SPDX-License-Identifier: Apache-2.0
#include "moliere/zoo/weights.hpp"

namespace moliere::zoo {
namespace {

/// Largest r with r^2 <= n, by integers alone (Newton's iteration from above).
std::int64_t integer_root(std::int64_t n) {
  std::int64_t root = std::int64_t{1} << 31;
  while (root > n / root) root = (root + n / root) / 2;
  return root;
}

}  // namespace

Tensor Weights::uniform(Shape shape, std::int64_t low, std::int64_t high) {
  Tensor tensor(DataType::float32, std::move(shape));
  const auto span = static_cast<std::uint32_t>(high - low + 1);
  for (float& weight : tensor.data<float>()) {
    const std::int64_t k = low + random_.below(span);
    weight = static_cast<float>(k) * 0x1p-20F;  // |k| < 2^24: exact
  }
  return tensor;
}

Tensor Weights::scaled(Shape shape, std::int64_t fan_in, std::int64_t gain) {
  // A uniform number in [-b, b] has the variance b^2 / 3.
  const std::int64_t bound = integer_root(3 * gain * one / fan_in * one);
  return uniform(std::move(shape), -bound, bound);
}

}  // namespace moliere::zoo
