// SPDX-License-Identifier: Apache-2.0
#include "moliere/zoo/weights.hpp"

#include <span>

namespace moliere::zoo {
namespace {

/// Largest r with r^2 <= n, by integers alone (Newton's iteration from above).
std::int64_t integer_root(std::int64_t n) {
  std::int64_t root = std::int64_t{1} << 31;
  while (root > n / root) root = (root + n / root) / 2;
  return root;
}

/// k 2^-20 and back, exact for |k| < 2^24.
float from_units(std::int64_t k) { return static_cast<float>(k) * 0x1p-20F; }
std::int64_t units(float weight) { return static_cast<std::int64_t>(weight * 0x1p20F); }

}  // namespace

Tensor Weights::uniform(Shape shape, std::int64_t low, std::int64_t high) {
  Tensor tensor(DataType::float32, std::move(shape));
  const auto span = static_cast<std::uint32_t>(high - low + 1);
  for (float& weight : tensor.data<float>()) {
    weight = from_units(low + random_.below(span));
  }
  return tensor;
}

Tensor Weights::scaled(Shape shape, std::int64_t fan_in, std::int64_t gain) {
  // A uniform number in [-b, b] has the variance b^2 / 3.
  const std::int64_t bound = integer_root(3 * gain * one / fan_in * one);
  return uniform(std::move(shape), -bound, bound);
}

Tensor Weights::centred(Shape shape, std::int64_t block, std::int64_t fan_in, std::int64_t gain) {
  Tensor tensor = scaled(std::move(shape), fan_in, gain);
  const std::span<float> weights = tensor.data<float>();
  const auto size = static_cast<std::size_t>(block);
  for (std::size_t begin = 0; begin < weights.size(); begin += size) {
    const std::span<float> run = weights.subspan(begin, size);
    std::int64_t sum = 0;
    for (const float weight : run) sum += units(weight);
    for (float& weight : run) weight = from_units(units(weight) - sum / block);
  }
  return tensor;
}

}  // namespace moliere::zoo
