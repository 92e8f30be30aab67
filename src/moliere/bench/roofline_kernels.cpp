// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/roofline_kernels.hpp"

// The limits are the machine's: they may not depend on how a build was configured. Clang takes no
// such order; kernel_build() then tells an unoptimised build from another.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif

namespace moliere::bench {
namespace {

// Vectors of GCC and Clang: arithmetic on them is element by element, in one instruction where the
// function's target has it. `x * a + b` becomes a fused multiply-add where there is one.
template <class T, int bytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(bytes)));
};

// One path. The target of a function cannot be a template's parameter, nor is a vector wider than
// the caller's target kept whole through inlining, hence a macro.
// `chains`: at least latency (4 or 5 cycles) x units (2, Arm: 4) multiply-adds must be in flight,
// and with a and b all have to fit the registers (16, AVX-512 and Arm: 32).
#define MOLIERE_UNROLL _Pragma("GCC unroll 32")
#define MOLIERE_VECTOR_PATH(name, bytes, chains, attributes)                                     \
  attributes float multiply_add_##name(std::int64_t steps, float a, float b) {                   \
    using Vector = VectorOf<float, bytes>::type;                                                 \
    constexpr int lanes = bytes / static_cast<int>(sizeof(float));                               \
    const Vector factor = a - Vector{};                                                          \
    const Vector term = b - Vector{};                                                            \
    Vector x[chains];                                                                            \
    MOLIERE_UNROLL for (int j = 0; j < chains; ++j) x[j] = static_cast<float>(1 + j) - Vector{}; \
    for (std::int64_t step = 0; step < steps; ++step) {                                          \
      MOLIERE_UNROLL for (int j = 0; j < chains; ++j) x[j] = x[j] * factor + term;               \
    }                                                                                            \
    Vector sum{};                                                                                \
    MOLIERE_UNROLL for (int j = 0; j < chains; ++j) sum += x[j];                                 \
    float total = 0;                                                                             \
    for (int lane = 0; lane < lanes; ++lane) total += sum[lane];                                 \
    return total;                                                                                \
  }                                                                                              \
                                                                                                 \
  attributes std::uint32_t sum_##name(std::span<const std::uint32_t> values,                     \
                                      std::int64_t passes) {                                     \
    using Vector = VectorOf<std::uint32_t, bytes>::type;                                         \
    constexpr int lanes = bytes / static_cast<int>(sizeof(std::uint32_t));                       \
    const auto* const begin = reinterpret_cast<const Vector*>(values.data());                    \
    const auto* const end = begin + values.size() / lanes;                                       \
    Vector sum[parallel_sums];                                                                   \
    MOLIERE_UNROLL for (int j = 0; j < parallel_sums; ++j) sum[j] = Vector{};                    \
    for (std::int64_t pass = 0; pass < passes; ++pass) {                                         \
      for (const Vector* at = begin; at != end; at += parallel_sums) {                           \
        MOLIERE_UNROLL for (int j = 0; j < parallel_sums; ++j) sum[j] += at[j];                  \
      }                                                                                          \
      /* The memory might have changed: every pass has to read it again. */                      \
      asm volatile("" ::: "memory");                                                             \
    }                                                                                            \
    MOLIERE_UNROLL for (int j = 1; j < parallel_sums; ++j) sum[0] += sum[j];                     \
    std::uint32_t total = 0;                                                                     \
    for (int lane = 0; lane < lanes; ++lane) total += sum[0][lane];                              \
    return total;                                                                                \
  }                                                                                              \
                                                                                                 \
  constexpr VectorPath path_##name(std::string_view instruction_set) {                           \
    constexpr std::int64_t lanes = bytes / static_cast<std::int64_t>(sizeof(float));             \
    return {.instruction_set = instruction_set,                                                  \
            .lanes = lanes,                                                                      \
            .flops_per_step = 2 * lanes * chains,                                                \
            .elements_per_step = lanes * parallel_sums,                                          \
            .multiply_add = multiply_add_##name,                                                 \
            .sum = sum_##name};                                                                  \
  }

// An addition takes one cycle and at most 4 start in one; more makes the loop's own cost small.
constexpr int parallel_sums = 8;

#if defined(__x86_64__)
MOLIERE_VECTOR_PATH(avx512, 64, 24, [[gnu::target("avx512f")]])
MOLIERE_VECTOR_PATH(avx2, 32, 12, [[gnu::target("avx2,fma")]])
MOLIERE_VECTOR_PATH(baseline, 16, 12, )
#else
MOLIERE_VECTOR_PATH(baseline, 16, 24, )
#endif

}  // namespace

std::vector<VectorPath> vector_paths() {
  std::vector<VectorPath> paths;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) paths.push_back(path_avx512("avx512f"));
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    paths.push_back(path_avx2("avx2+fma"));
  }
#endif
  paths.push_back(path_baseline("128-bit"));
  return paths;
}

std::string_view kernel_build() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return __VERSION__ " sanitized";
#elif !defined(__OPTIMIZE__)
  return __VERSION__ " not optimised";
#else
  return __VERSION__;
#endif
}

}  // namespace moliere::bench
