// SPDX-License-Identifier: Apache-2.0
// The only file that includes Eigen and that is compiled for this machine's instruction set: its
// templates, in two files with different vector widths, would not be the same functions.
#include "moliere/reference/blocked_gemm.hpp"

#include <Eigen/Core>

namespace moliere::reference::detail {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Stride = Eigen::OuterStride<Eigen::Dynamic>;
template <class Scalar>
using ConstMap = Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Stride>;

/// The matrix as it is stored.
template <class Scalar>
ConstMap<Scalar> stored(const MatrixView<Scalar>& view, std::int64_t rows, std::int64_t columns) {
  const bool t = view.transposed;
  return {view.elements, t ? columns : rows, t ? rows : columns, Stride(view.stride)};
}

}  // namespace

template <class Scalar>
void add_product_blocked(const ProductExtents& extents, const MatrixView<Scalar>& a,
                         const MatrixView<Scalar>& b, Scalar* c, std::int64_t stride) {
  if (extents.rows == 0 || extents.inner == 0 || extents.columns == 0) return;
  const auto left = stored(a, extents.rows, extents.inner);
  const auto right = stored(b, extents.inner, extents.columns);
  Eigen::Map<Matrix<Scalar>, Eigen::Unaligned, Stride> result(c, extents.rows, extents.columns,
                                                              Stride(stride));
  if (a.transposed && b.transposed) {
    result.noalias() += left.transpose() * right.transpose();
  } else if (a.transposed) {
    result.noalias() += left.transpose() * right;
  } else if (b.transposed) {
    result.noalias() += left * right.transpose();
  } else {
    result.noalias() += left * right;
  }
}

template void add_product_blocked(const ProductExtents&, const MatrixView<double>&,
                                  const MatrixView<double>&, double*, std::int64_t);
template void add_product_blocked(const ProductExtents&, const MatrixView<float>&,
                                  const MatrixView<float>&, float*, std::int64_t);

}  // namespace moliere::reference::detail
