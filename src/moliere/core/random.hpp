// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace moliere {

/// Philox4x32-10, a counter-based generator: the value at (key, counter) depends on these alone,
/// so any part of a sequence can be made on its own, in any order, on any machine.
///
/// Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11, section 3.3.
/// Checked against the authors' known-answer vectors.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// A stream of random numbers over Philox: (seed, stream) names the sequence.
/// Satisfies std::uniform_random_bit_generator.
class RandomStream {
 public:
  using result_type = std::uint32_t;

  explicit RandomStream(std::uint64_t seed, std::uint64_t stream = 0)
      : seed_(seed), stream_(stream) {}

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }
  result_type operator()();

  /// Uniform integer in [0, bound), unbiased (rejection); bound > 0.
  std::uint32_t below(std::uint32_t bound);
  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform();
  /// Uniform in [lo, hi).
  double uniform(double lo, double hi) { return lo + (hi - lo) * uniform(); }
  /// Standard normal (Box-Muller; uses libm, so equal between machines only to rounding).
  double normal();

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t block_ = 0;
  std::array<std::uint32_t, 4> buffer_{};
  unsigned used_ = 4;
};

/// A seed from a name: FNV-1a, 64 bits; the same on every machine.
std::uint64_t seed_from(std::string_view name);

}  // namespace moliere
