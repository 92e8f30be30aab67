// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/detail/gram.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace moliere::calo::detail {
namespace {

// Blocks (Goto, van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34
// (2008) 12): a strip of both operands in the first cache, a block of a in the second.
constexpr std::int64_t inner_block = 256;
constexpr std::int64_t row_block = 96;

#define MOLIERE_UNROLL _Pragma("GCC unroll 32")
// One tile: c (rows, 2 vectors) = packed a (k, rows) x packed b (k, 2 vectors). `rows`: rows x 2
// sums, two vectors of b and one of a fill the registers (16, AVX-512: 32). The target of a
// function cannot be a template's parameter, nor is a vector wider than the caller's target kept
// whole through inlining, hence a macro.
#define MOLIERE_TILE(name, T, bytes, rows, attributes)                                   \
  attributes void tile_##name(std::int64_t k, const T* a, const T* b, T* c) {            \
    typedef T Vector __attribute__((vector_size(bytes), aligned(sizeof(T)), may_alias)); \
    constexpr std::int64_t lanes = bytes / static_cast<std::int64_t>(sizeof(T));         \
    Vector sum[rows][2];                                                                 \
    MOLIERE_UNROLL for (int i = 0; i < rows; ++i) sum[i][0] = sum[i][1] = Vector{};      \
    for (std::int64_t p = 0; p < k; ++p) {                                               \
      const Vector b0 = *reinterpret_cast<const Vector*>(b);                             \
      const Vector b1 = *reinterpret_cast<const Vector*>(b + lanes);                     \
      MOLIERE_UNROLL for (int i = 0; i < rows; ++i) {                                    \
        const Vector x = a[i] - Vector{};                                                \
        sum[i][0] += x * b0;                                                             \
        sum[i][1] += x * b1;                                                             \
      }                                                                                  \
      a += rows;                                                                         \
      b += 2 * lanes;                                                                    \
    }                                                                                    \
    MOLIERE_UNROLL for (int i = 0; i < rows; ++i) {                                      \
      std::memcpy(c + 2 * lanes * i, &sum[i][0], bytes);                                 \
      std::memcpy(c + 2 * lanes * i + lanes, &sum[i][1], bytes);                         \
    }                                                                                    \
  }

template <class T>
struct Tile {
  std::int64_t rows;
  std::int64_t columns;
  void (*multiply)(std::int64_t k, const T* a, const T* b, T* c);
};

#if defined(__x86_64__)
MOLIERE_TILE(avx512_double, double, 64, 12, [[gnu::target("avx512f")]])
MOLIERE_TILE(avx512_float, float, 64, 12, [[gnu::target("avx512f")]])
MOLIERE_TILE(avx2_double, double, 32, 6, [[gnu::target("avx2,fma")]])
MOLIERE_TILE(avx2_float, float, 32, 6, [[gnu::target("avx2,fma")]])
#endif
MOLIERE_TILE(baseline_double, double, 16, 6, )
MOLIERE_TILE(baseline_float, float, 16, 6, )

template <class T>
Tile<T> choose(const Tile<T>& avx512, const Tile<T>& avx2, const Tile<T>& baseline) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2;
#endif
  return baseline;
}

template <class T>
Tile<T> tile();
#if defined(__x86_64__)
template <>
Tile<double> tile() {
  return choose<double>({12, 16, tile_avx512_double}, {6, 8, tile_avx2_double},
                        {6, 4, tile_baseline_double});
}
template <>
Tile<float> tile() {
  return choose<float>({12, 32, tile_avx512_float}, {6, 16, tile_avx2_float},
                       {6, 8, tile_baseline_float});
}
#else
template <>
Tile<double> tile() {
  return {6, 4, tile_baseline_double};
}
template <>
Tile<float> tile() {
  return {6, 8, tile_baseline_float};
}
#endif

std::int64_t round_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

/// Rows in strips of `strip`, the inner index outside: what a tile reads in order. Missing rows of
/// the last strip are zeros.
template <class Element, class T>
void pack(const Operand<Element>& source, std::int64_t row, std::int64_t rows, std::int64_t inner,
          std::int64_t count, std::int64_t strip, std::vector<T>& packed) {
  packed.resize(static_cast<std::size_t>(round_up(rows, strip) * count));
  T* out = packed.data();
  for (std::int64_t first = 0; first < rows; first += strip, out += strip * count) {
    const std::int64_t filled = std::min(strip, rows - first);
    if (filled < strip) std::fill(out, out + strip * count, T{0});
    const Element* const in =
        source.elements + (row + first) * source.row_stride + inner * source.inner_stride;
    if (source.inner_stride == 1) {
      for (std::int64_t i = 0; i < filled; ++i) {
        for (std::int64_t p = 0; p < count; ++p) {
          out[p * strip + i] = static_cast<T>(in[i * source.row_stride + p]);
        }
      }
    } else {
      for (std::int64_t p = 0; p < count; ++p) {
        for (std::int64_t i = 0; i < filled; ++i) {
          out[p * strip + i] = static_cast<T>(in[i * source.row_stride + p * source.inner_stride]);
        }
      }
    }
  }
}

/// c += a b^T; with `upper`, tiles wholly below the diagonal are left out.
template <class Element, class T>
void add_product(std::int64_t m, std::int64_t n, std::int64_t k, const Operand<Element>& a,
                 const Operand<Element>& b, bool upper, T* c) {
  const Tile<T> t = tile<T>();
  std::vector<T> packed_a, packed_b;
  std::vector<T> result(static_cast<std::size_t>(t.rows * t.columns));
  for (std::int64_t p = 0; p < k; p += inner_block) {
    const std::int64_t inner = std::min(inner_block, k - p);
    pack(b, 0, n, p, inner, t.columns, packed_b);
    for (std::int64_t row = 0; row < m; row += row_block) {
      const std::int64_t rows = std::min(row_block, m - row);
      pack(a, row, rows, p, inner, t.rows, packed_a);
      for (std::int64_t j = 0; j < n; j += t.columns) {
        const std::int64_t columns = std::min(t.columns, n - j);
        for (std::int64_t i = 0; i < rows; i += t.rows) {
          if (upper && j + t.columns <= row + i) continue;
          t.multiply(inner, packed_a.data() + i * inner, packed_b.data() + j * inner,
                     result.data());
          const std::int64_t filled = std::min(t.rows, rows - i);
          for (std::int64_t y = 0; y < filled; ++y) {
            T* const out = c + (row + i + y) * n + j;
            for (std::int64_t x = 0; x < columns; ++x) {
              out[x] += result[static_cast<std::size_t>(y * t.columns + x)];
            }
          }
        }
      }
    }
  }
}

}  // namespace

template <class Element, class T>
void multiply_transposed(std::int64_t m, std::int64_t n, std::int64_t k, const Operand<Element>& a,
                         const Operand<Element>& b, T* c) {
  std::fill(c, c + m * n, T{0});
  add_product(m, n, k, a, b, false, c);
}

template <class Element, class T>
void add_symmetric_product(std::int64_t n, std::int64_t k, const Operand<Element>& a, T* c) {
  add_product(n, n, k, a, a, true, c);
}

template void multiply_transposed(std::int64_t, std::int64_t, std::int64_t, const Operand<float>&,
                                  const Operand<float>&, float*);
template void multiply_transposed(std::int64_t, std::int64_t, std::int64_t, const Operand<float>&,
                                  const Operand<float>&, double*);
template void multiply_transposed(std::int64_t, std::int64_t, std::int64_t, const Operand<double>&,
                                  const Operand<double>&, double*);
template void add_symmetric_product(std::int64_t, std::int64_t, const Operand<double>&, double*);

}  // namespace moliere::calo::detail
