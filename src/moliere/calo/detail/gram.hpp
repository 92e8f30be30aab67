// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

/// Products of matrices at the machine's vector width: what distances, kernels and covariances
/// spend their time in.
namespace moliere::calo::detail {

/// A matrix element (i, p) is elements[i * row_stride + p * inner_stride].
template <class T>
struct Operand {
  const T* elements;
  std::int64_t row_stride;
  std::int64_t inner_stride = 1;
};

/// c (m, n) = a (m, k) b (n, k)^T, c row-major and dense, one thread.
/// Elements of a and b are converted to the type of c. What (i, j) comes out as depends on rows i
/// and j alone, not on their places: equal pairs have equal products.
template <class Element, class T>
void multiply_transposed(std::int64_t m, std::int64_t n, std::int64_t k, const Operand<Element>& a,
                         const Operand<Element>& b, T* c);

/// The same added to a symmetric c (n, n) for a = b; only its upper triangle is right.
template <class Element, class T>
void add_symmetric_product(std::int64_t n, std::int64_t k, const Operand<Element>& a, T* c);

}  // namespace moliere::calo::detail
