// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/random.hpp"
#include "moliere/core/tensor.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace moliere::zoo {

/// Seeded weights that are bitwise the same on every machine: each is k * 2^-20 with a uniform
/// whole number k in [-K, K], so only integer arithmetic and exact conversions take part.
class Weights {
 public:
  /// The stream depends on the model's name alone.
  explicit Weights(std::string_view model) : random_(seed_from(model)) {}

  /// Uniform with the variance gain / fan_in: gain 1 keeps the variance of activations through a
  /// linear layer (LeCun et al. 1998).
  Tensor scaled(Shape shape, std::int64_t fan_in, std::int64_t gain);
  /// The same, but every run of `block` weights sums to zero up to `block` units: what all inputs
  /// have in common (pixels and outputs of a ReLU are never negative) pushes no ReLU shut for good.
  Tensor centred(Shape shape, std::int64_t block, std::int64_t fan_in, std::int64_t gain);
  /// Uniform in [low, high], both given in units of 2^-20.
  Tensor uniform(Shape shape, std::int64_t low, std::int64_t high);

 private:
  RandomStream random_;
};

/// Gain of centred weights that keeps the variance between ReLUs: they see z = max(0, x) without
/// its mean, and for a normal x of variance 1 Var z = 1/2 - 1/(2 pi) = 0.341, nearly 1/3. (Weights
/// that are not centred see E z^2 = 1/2 instead: He et al. 2015, eq. 10.)
constexpr std::int64_t relu_gain = 3;

/// One, in the unit of Weights::uniform.
constexpr std::int64_t one = std::int64_t{1} << 20;

}  // namespace moliere::zoo
