// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

/// The fast half of Path::blocked: matrix products on a vectorised library, and threads.
namespace moliere::reference::detail {

/// A row-major matrix inside a larger array, read as it lies or transposed.
template <class Scalar>
struct MatrixView {
  const Scalar* elements;
  /// Elements from one stored row to the next.
  std::int64_t stride;
  /// The operand is the transpose of what is stored.
  bool transposed = false;
};

/// Extents of (rows, inner) times (inner, columns).
struct ProductExtents {
  std::int64_t rows;
  std::int64_t inner;
  std::int64_t columns;
};

/// c (rows, columns) += a (rows, inner) b (inner, columns), row-major, one thread.
/// `stride` is that of c.
template <class Scalar>
void add_product_blocked(const ProductExtents& extents, const MatrixView<Scalar>& a,
                         const MatrixView<Scalar>& b, Scalar* c, std::int64_t stride);

/// Calls work(0) ... work(tasks - 1), on all hardware threads where `flop` in all is worth
/// starting them. The tasks must not write to common memory; what each computes may not depend on
/// the thread, so that results are the same for any number of them. Rethrows the first exception.
void for_each_task(std::size_t tasks, double flop, const std::function<void(std::size_t)>& work);

}  // namespace moliere::reference::detail
