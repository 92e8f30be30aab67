// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace moliere::calo::detail {

/// The sum of term(0) ... term(n - 1) in the order in which numpy adds up a contiguous row: eight
/// running sums in pieces of at most 128, halves above that. Entries on a bin's edge then fall to
/// the side where the official evaluation puts them, and the error grows with log n only.
/// (Higham, "The accuracy of floating point summation", SIAM J. Sci. Comput. 14 (1993) 783.)
template <class T, class Term>
T pairwise_sum(std::int64_t first, std::int64_t n, const Term& term) {
  constexpr std::int64_t lanes = 8;
  constexpr std::int64_t piece = 128;
  if (n < lanes) {
    T sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += term(first + i);
    return sum;
  }
  if (n > piece) {
    std::int64_t half = n / 2;
    half -= half % lanes;
    const T low = pairwise_sum<T>(first, half, term);
    return low + pairwise_sum<T>(first + half, n - half, term);
  }
  T s[lanes];
  for (std::int64_t j = 0; j < lanes; ++j) s[j] = term(first + j);
  std::int64_t i = lanes;
  for (; i + lanes <= n; i += lanes) {
    for (std::int64_t j = 0; j < lanes; ++j) s[j] += term(first + i + j);
  }
  T sum = ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
  for (; i < n; ++i) sum += term(first + i);
  return sum;
}

}  // namespace moliere::calo::detail
