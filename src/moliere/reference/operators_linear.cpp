// SPDX-License-Identifier: Apache-2.0
// Products of matrices and of tensors; equations as in ONNX's operator definitions.
#include "moliere/reference/blocked_gemm.hpp"
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace moliere::reference {
namespace {

using namespace detail;

/// c_ij += sum_k a_ik b_kj.
template <class T>
void add_product_readable(const ProductExtents& extents, const MatrixView<T>& a,
                          const MatrixView<T>& b, T* c) {
  const auto element = [](const MatrixView<T>& m, std::int64_t row, std::int64_t column) {
    return m.transposed ? m.elements[column * m.stride + row] : m.elements[row * m.stride + column];
  };
  for (std::int64_t i = 0; i < extents.rows; ++i) {
    for (std::int64_t j = 0; j < extents.columns; ++j) {
      T sum = 0;
      for (std::int64_t k = 0; k < extents.inner; ++k) {
        sum = static_cast<T>(sum + element(a, i, k) * element(b, k, j));
      }
      T& to = c[i * extents.columns + j];
      to = static_cast<T>(to + sum);
    }
  }
}

double flop_of(const ProductExtents& e) {
  return 2.0 * static_cast<double>(e.rows) * static_cast<double>(e.inner) *
         static_cast<double>(e.columns);
}

/// Rows of one task: few enough to spread a layer of a usual batch over the cores, enough for the
/// packing of b to be paid back.
constexpr std::int64_t rows_per_task = 64;

/// The rows [first, first + extents.rows) of a product.
template <class Scalar>
MatrixView<Scalar> rows_from(MatrixView<Scalar> view, std::int64_t first) {
  view.elements += view.transposed ? first : first * view.stride;
  return view;
}

/// `products` independent products of one shape; operands(i) gives (a, b) of the i-th, the results
/// lie behind each other in c, which holds zeros (or what is to be added to).
template <class T, class Operands>
void add_products(Path path, std::size_t products, const ProductExtents& extents,
                  Operands&& operands, std::vector<T>& c) {
  const std::int64_t size = extents.rows * extents.columns;
  if constexpr (std::is_floating_point_v<T>) {
    if (path == Path::blocked) {
      const auto blocks = at((extents.rows + rows_per_task - 1) / rows_per_task);
      const double flop = static_cast<double>(products) * flop_of(extents);
      for_each_task(products * blocks, flop, [&](std::size_t task) {
        const std::size_t product = task / blocks;
        const std::int64_t first = static_cast<std::int64_t>(task % blocks) * rows_per_task;
        ProductExtents part = extents;
        part.rows = std::min(rows_per_task, extents.rows - first);
        const auto [a, b] = operands(product);
        T* to = c.data() + static_cast<std::int64_t>(product) * size + first * extents.columns;
        add_product_blocked(part, rows_from(a, first), b, to, extents.columns);
      });
      return;
    }
  }
  for (std::size_t i = 0; i < products; ++i) {
    const auto [a, b] = operands(i);
    add_product_readable(extents, a, b, c.data() + static_cast<std::int64_t>(i) * size);
  }
}

/// Integers as their type would hold them.
template <class Scalar>
Value<Scalar> wrapped(Value<Scalar> value) {
  if (auto* integers = std::get_if<1>(&value.elements)) {
    for (std::int64_t& i : *integers) i = wrap_integer(i, value.type);
  }
  return value;
}

/// Y = alpha A' B' + beta C; A' is A or its transpose, C (optional since opset 11) is stretched to
/// the shape of Y.
template <class Scalar>
std::vector<Value<Scalar>> gemm(const Call<Scalar>& call) {
  const Value<Scalar>& a = call.input(0);
  const Value<Scalar>& b = call.input(1);
  require(a.shape.size() == 2 && b.shape.size() == 2, "A and B of Gemm must be matrices");
  require(a.type != DataType::boolean, "Gemm is not defined for booleans");
  const bool transpose_a = int_attribute(call, "transA", 0) != 0;
  const bool transpose_b = int_attribute(call, "transB", 0) != 0;
  const ProductExtents extents{a.shape[transpose_a ? 1 : 0], a.shape[transpose_a ? 0 : 1],
                               b.shape[transpose_b ? 0 : 1]};
  require(b.shape[transpose_b ? 1 : 0] == extents.inner, "the inner extents of Gemm differ");
  const double alpha = call.node.template attribute<double>("alpha", 1.0);
  const double beta = call.node.template attribute<double>("beta", 1.0);
  const Shape shape{extents.rows, extents.columns};
  return single(wrapped(make_like(a, shape, [&](const auto& left, auto& y) {
    using T = typename std::decay_t<decltype(y)>::value_type;
    const auto& right = same_kind(b, left);
    add_products(
        call.path, 1, extents,
        [&](std::size_t) {
          return std::pair{MatrixView<T>{left.data(), a.shape[1], transpose_a},
                           MatrixView<T>{right.data(), b.shape[1], transpose_b}};
        },
        y);
    if (alpha != 1) {
      for (T& value : y) value = static_cast<T>(static_cast<T>(alpha) * value);
    }
    if (!call.has(2)) return;
    const Value<Scalar>& c = call.input(2);
    require(broadcast_shape(c.shape, shape) == shape, "C of Gemm does not stretch to the result");
    const auto& added = same_kind(c, left);
    const std::array<Shape, 1> strides{broadcast_strides(c.shape, shape)};
    for_each_offset(shape, strides, [&](std::size_t i, const auto& o) {
      y[i] = static_cast<T>(y[i] + static_cast<T>(beta) * added[at(o[0])]);
    });
  })));
}

/// The shapes of a MatMul as NumPy has them: a vector is a row on the left and a column on the
/// right, and its axis is not in the result; all axes but two are a batch that is broadcast.
struct BatchedProduct {
  ProductExtents extents;
  Shape batch_shape;
  Shape result;
  /// Number of the matrix of a and b for each element of the batch.
  std::vector<std::int64_t> a_matrix;
  std::vector<std::int64_t> b_matrix;
};

BatchedProduct batched_product(const Shape& a_shape, const Shape& b_shape) {
  require(!a_shape.empty() && !b_shape.empty(), "MatMul is not defined for scalars");
  Shape a = a_shape;
  Shape b = b_shape;
  if (a_shape.size() == 1) a.insert(a.begin(), 1);
  if (b_shape.size() == 1) b.push_back(1);
  BatchedProduct product{.extents = {a[a.size() - 2], a.back(), b.back()}};
  if (b[b.size() - 2] != a.back()) {
    throw_invalid(
        fmt::format("MatMul of shapes {} and {}", to_string(a_shape), to_string(b_shape)));
  }
  const Shape a_batch(a.begin(), a.end() - 2);
  const Shape b_batch(b.begin(), b.end() - 2);
  product.batch_shape = broadcast_shape(a_batch, b_batch);
  product.result = product.batch_shape;
  if (a_shape.size() > 1) product.result.push_back(product.extents.rows);
  if (b_shape.size() > 1) product.result.push_back(product.extents.columns);
  const std::array<Shape, 2> strides{broadcast_strides(a_batch, product.batch_shape),
                                     broadcast_strides(b_batch, product.batch_shape)};
  for_each_offset(product.batch_shape, strides, [&](std::size_t, const auto& o) {
    product.a_matrix.push_back(o[0]);
    product.b_matrix.push_back(o[1]);
  });
  // One matrix b for a whole batch of a (a layer applied to a batch): one product with more rows.
  // The batch is then that of a, whose matrices lie behind each other.
  const bool one_b = std::ranges::all_of(product.b_matrix, [](std::int64_t i) { return i == 0; });
  if (one_b && !product.a_matrix.empty()) {
    product.extents.rows *= static_cast<std::int64_t>(product.a_matrix.size());
    product.a_matrix = product.b_matrix = {0};
  }
  return product;
}

template <class Scalar>
Value<Scalar> product_of(Path path, const Value<Scalar>& a, const Value<Scalar>& b) {
  require(a.type != DataType::boolean, "MatMul is not defined for booleans");
  const BatchedProduct product = batched_product(a.shape, b.shape);
  const auto [rows, inner, columns] = product.extents;
  return wrapped(make_like(a, product.result, [&](const auto& left, auto& y) {
    using T = typename std::decay_t<decltype(y)>::value_type;
    const auto& right = same_kind(b, left);
    add_products(
        path, product.a_matrix.size(), product.extents,
        [&](std::size_t i) {
          return std::pair{
              MatrixView<T>{left.data() + product.a_matrix[i] * rows * inner, inner},
              MatrixView<T>{right.data() + product.b_matrix[i] * inner * columns, columns}};
        },
        y);
  }));
}

/// Y = A B.
template <class Scalar>
std::vector<Value<Scalar>> matmul(const Call<Scalar>& call) {
  return single(product_of(call.path, call.input(0), call.input(1)));
}

/// x - zero point; a vector of them goes along the rows (`axis_from_end` 2) or the columns (1).
template <class Scalar>
Value<Scalar> without_zero_point(const Call<Scalar>& call, std::size_t index,
                                 std::size_t axis_from_end) {
  Value<Scalar> x = call.input(index);
  x.type = DataType::int32;
  if (!call.has(index + 2)) return x;
  const Value<Scalar>& zero = call.input(index + 2);
  Shape shape = zero.shape;
  if (shape.size() == 1 && axis_from_end == 2 && shape[0] != 1) shape.push_back(1);
  require(broadcast_shape(shape, x.shape) == x.shape, "the zero point does not fit its matrix");
  const std::array<Shape, 1> strides{broadcast_strides(shape, x.shape)};
  std::vector<std::int64_t> shifted = x.integers();
  for_each_offset(x.shape, strides,
                  [&](std::size_t i, const auto& o) { shifted[i] -= zero.integers()[at(o[0])]; });
  x.elements = std::move(shifted);
  return x;
}

/// Y = (A - a_zero_point)(B - b_zero_point), in int32.
template <class Scalar>
std::vector<Value<Scalar>> matmul_integer(const Call<Scalar>& call) {
  return single(
      product_of(call.path, without_zero_point(call, 0, 2), without_zero_point(call, 1, 1)));
}

/// The determinant of each matrix (..., M, M): the product of the pivots of Gaussian elimination
/// with the largest pivot of each column.
template <class Scalar>
std::vector<Value<Scalar>> determinant(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  require(x.shape.size() >= 2 && x.shape.back() == x.shape[x.shape.size() - 2],
          "Det of what is no square matrix");
  const auto size = at(x.shape.back());
  const Shape batch(x.shape.begin(), x.shape.end() - 2);
  std::vector<Scalar> y;
  for (std::size_t i = 0; i < count(batch); ++i) {
    std::vector<Scalar> m(x.reals().begin() + static_cast<std::ptrdiff_t>(i * size * size),
                          x.reals().begin() + static_cast<std::ptrdiff_t>((i + 1) * size * size));
    Scalar product = 1;
    for (std::size_t k = 0; k < size; ++k) {
      std::size_t pivot = k;
      for (std::size_t row = k + 1; row < size; ++row) {
        if (std::abs(m[row * size + k]) > std::abs(m[pivot * size + k])) pivot = row;
      }
      if (pivot != k) {
        product = -product;
        for (std::size_t j = 0; j < size; ++j) std::swap(m[k * size + j], m[pivot * size + j]);
      }
      product *= m[k * size + k];
      if (product == 0) break;
      for (std::size_t row = k + 1; row < size; ++row) {
        const Scalar factor = m[row * size + k] / m[k * size + k];
        for (std::size_t j = k; j < size; ++j) m[row * size + j] -= factor * m[k * size + j];
      }
    }
    y.push_back(product);
  }
  return single(Value<Scalar>::real(batch, std::move(y), x.type));
}

/// One axis of an operand: a letter, or an axis of the ellipsis (those count from the last: -1).
using Label = int;
using Labels = std::vector<Label>;

/// "i...j" with `ellipsis_rank` axes in place of the dots.
Labels parse_labels(std::string_view term, std::size_t ellipsis_rank) {
  Labels labels;
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (term[i] == '.') {
      require(term.substr(i, 3) == "...", "a stray dot in the equation of Einsum");
      i += 2;
      for (std::size_t k = ellipsis_rank; k > 0; --k) labels.push_back(-static_cast<Label>(k));
    } else {
      require(std::isalpha(static_cast<unsigned char>(term[i])) != 0,
              "the equation of Einsum holds something that is not a letter");
      labels.push_back(term[i]);
    }
  }
  return labels;
}

bool has_ellipsis(std::string_view term) { return term.find("...") != std::string_view::npos; }

struct EinsumEquation {
  std::vector<Labels> operands;
  Labels result;
};

/// Without "->" the result has the ellipsis and then, in alphabetical order, the letters that
/// appear once.
Labels implicit_result(const std::vector<Labels>& operands) {
  std::map<Label, int> appearances;
  for (const Labels& labels : operands) {
    for (const Label label : labels) ++appearances[label];
  }
  Labels result;
  for (const auto& [label, times] : appearances) {
    if (label < 0 || times == 1) result.push_back(label);
  }
  return result;
}

EinsumEquation parse_equation(std::string text, const std::vector<Shape>& shapes) {
  std::erase(text, ' ');
  const std::size_t arrow = text.find("->");
  std::string_view left = std::string_view(text).substr(0, arrow);
  std::vector<std::string_view> terms;
  for (std::size_t comma = left.find(','); comma != std::string_view::npos;
       comma = left.find(',')) {
    terms.push_back(left.substr(0, comma));
    left.remove_prefix(comma + 1);
  }
  terms.push_back(left);
  require(terms.size() == shapes.size(), "Einsum has another number of inputs than its equation");
  EinsumEquation equation;
  std::size_t ellipsis_rank = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const std::size_t letters = terms[i].size() - (has_ellipsis(terms[i]) ? 3 : 0);
    const bool fits = has_ellipsis(terms[i]) ? shapes[i].size() >= letters  //
                                             : shapes[i].size() == letters;
    require(fits, "an input of Einsum has another rank than its term");
    const std::size_t own = shapes[i].size() - letters;
    ellipsis_rank = std::max(ellipsis_rank, own);
    equation.operands.push_back(parse_labels(terms[i], own));
  }
  equation.result = arrow == std::string::npos
                        ? implicit_result(equation.operands)
                        : parse_labels(std::string_view(text).substr(arrow + 2), ellipsis_rank);
  return equation;
}

/// The extent of each label; an axis of extent 1 is stretched.
std::map<Label, std::int64_t> label_extents(const std::vector<Labels>& operands,
                                            const std::vector<Shape>& shapes) {
  std::map<Label, std::int64_t> extents;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    for (std::size_t axis = 0; axis < operands[i].size(); ++axis) {
      const std::int64_t extent = shapes[i][axis];
      const auto [entry, is_new] = extents.emplace(operands[i][axis], extent);
      if (is_new || extent == 1) continue;
      require(entry->second == 1 || entry->second == extent,
              "an index of Einsum has two different extents");
      entry->second = extent;
    }
  }
  return extents;
}

/// Elements to walk in an operand when each of `labels` grows by one: an index that an operand has
/// twice walks its diagonal, one that it lacks does not move.
Shape label_strides(const Labels& labels, const Labels& own, const Shape& shape) {
  const Shape strides = strides_of(shape);
  Shape result(labels.size(), 0);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (std::size_t axis = 0; axis < own.size(); ++axis) {
      if (own[axis] == labels[i] && shape[axis] != 1) result[i] += strides[axis];
    }
  }
  return result;
}

/// result[i...] = sum over the indices that the result lacks of the product of all operands.
template <class T>
std::vector<T> einsum_elements(const EinsumEquation& equation,
                               const std::map<Label, std::int64_t>& extents,
                               const std::vector<Shape>& shapes,
                               const std::vector<const std::vector<T>*>& operands) {
  Labels summed;
  for (const auto& [label, extent] : extents) {
    if (std::ranges::find(equation.result, label) == equation.result.end()) summed.push_back(label);
  }
  const auto shape_of = [&](const Labels& labels) {
    Shape shape;
    for (const Label label : labels) shape.push_back(extents.at(label));
    return shape;
  };
  // All strides of the result's indices, then of the summed ones, for each operand.
  std::vector<Shape> result_strides;
  std::vector<Shape> summed_strides;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    result_strides.push_back(label_strides(equation.result, equation.operands[i], shapes[i]));
    summed_strides.push_back(label_strides(summed, equation.operands[i], shapes[i]));
  }
  const Shape result_shape = shape_of(equation.result);
  const Shape summed_shape = shape_of(summed);
  std::vector<T> result(count(result_shape), 0);
  for_each_index(result_shape, [&](std::size_t position, const Shape& index) {
    T sum = 0;
    for_each_index(summed_shape, [&](std::size_t, const Shape& inner) {
      T product = 1;
      for (std::size_t i = 0; i < operands.size(); ++i) {
        const std::int64_t offset =
            offset_of(index, result_strides[i]) + offset_of(inner, summed_strides[i]);
        product = static_cast<T>(product * (*operands[i])[at(offset)]);
      }
      sum = static_cast<T>(sum + product);
    });
    result[position] = sum;
  });
  return result;
}

template <class Scalar>
std::vector<Value<Scalar>> einsum(const Call<Scalar>& call) {
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < call.inputs.size(); ++i) shapes.push_back(call.input(i).shape);
  const EinsumEquation equation = parse_equation(string_attribute(call, "equation", ""), shapes);
  const auto extents = label_extents(equation.operands, shapes);
  Shape shape;
  for (const Label label : equation.result) {
    require(extents.contains(label), "the result of Einsum has an index that no input has");
    require(std::ranges::count(equation.result, label) == 1,
            "the result of Einsum has an index twice");
    shape.push_back(extents.at(label));
  }
  require(call.input(0).type != DataType::boolean, "Einsum is not defined for booleans");
  return single(wrapped(make_like(call.input(0), shape, [&](const auto& first, auto& y) {
    using T = typename std::decay_t<decltype(y)>::value_type;
    std::vector<const std::vector<T>*> operands;
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      operands.push_back(&same_kind(call.input(i), first));
    }
    y = einsum_elements<T>(equation, extents, shapes, operands);
  })));
}

}  // namespace

template <class Scalar>
void add_linear_operators(KernelTable<Scalar>& table) {
  table["Gemm"] = gemm<Scalar>;
  table["MatMul"] = matmul<Scalar>;
  table["MatMulInteger"] = matmul_integer<Scalar>;
  table["Det"] = determinant<Scalar>;
  table["Einsum"] = einsum<Scalar>;
}

template void add_linear_operators(KernelTable<double>&);
template void add_linear_operators(KernelTable<float>&);

}  // namespace moliere::reference
