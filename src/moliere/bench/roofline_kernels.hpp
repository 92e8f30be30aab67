// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace moliere::bench {

/// The two loops of the roofline, written for one width of vectors.
struct VectorPath {
  std::string_view instruction_set;  // "avx512f", "avx2+fma", "128-bit"
  std::int64_t lanes = 0;            // float32 elements of a vector
  /// Floating-point operations of one step of `multiply_add`.
  std::int64_t flops_per_step = 0;
  /// Elements that one step of `sum` reads; sizes must be multiples of it.
  std::int64_t elements_per_step = 0;
  /// Independent chains x <- x a + b, `steps` times, in registers; the sum of all lanes of all
  /// chains, each begun at its own number: chain j at 1 + j.
  float (*multiply_add)(std::int64_t steps, float a, float b);
  /// Sum (mod 2^32) of `passes` readings of all values. Integer additions, since processors start
  /// at least as many of them in a cycle as loads; 64-byte aligned values.
  std::uint32_t (*sum)(std::span<const std::uint32_t> values, std::int64_t passes);
};

/// Those that this processor and its operating system can run, the widest first. Never empty: the
/// last is the compiler's 128-bit vectors (SSE2, NEON, or what it makes of them elsewhere).
std::vector<VectorPath> vector_paths();

/// What the kernels were compiled by and how: figures of an unoptimised or instrumented build are
/// not those of another.
std::string_view kernel_build();

}  // namespace moliere::bench
