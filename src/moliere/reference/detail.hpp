// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/error.hpp"
#include "moliere/reference/kernel.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What several operators need: axes, strides, broadcasting, lists that moved from attributes to
/// inputs between operator sets.
namespace moliere::reference::detail {

using Integers = std::vector<std::int64_t>;

/// Throws Error: `problem` at this operator (ONNX forbids it).
[[noreturn]] void throw_invalid(const std::string& problem);
/// throw_invalid unless `condition`.
inline void require(bool condition, const char* problem) {
  if (!condition) throw_invalid(problem);
}

inline std::int64_t rank(const Shape& shape) { return static_cast<std::int64_t>(shape.size()); }
inline std::size_t count(const Shape& shape) {
  return static_cast<std::size_t>(element_count(shape));
}
inline std::size_t at(std::int64_t index) { return static_cast<std::size_t>(index); }

/// -1 is the last axis. Throws Error outside [-rank, rank).
std::size_t normalize_axis(std::int64_t axis, std::size_t rank);
/// All of `axes`, sorted; throws for repeated ones.
std::vector<std::size_t> normalize_axes(const Integers& axes, std::size_t rank);

/// Elements between neighbours along each axis of a row-major array.
Shape strides_of(const Shape& shape);

/// The common shape (NumPy's rules, as ONNX has them). Throws Error when there is none.
Shape broadcast_shape(const Shape& a, const Shape& b);
/// Strides of an array of shape `from` seen in shape `to`: 0 along stretched axes.
Shape broadcast_strides(const Shape& from, const Shape& to);

/// Calls visit(i, j): i counts the elements of `shape` in row-major order, j are the matching
/// offsets in N arrays with the given strides.
template <std::size_t N, class Visit>
void for_each_offset(const Shape& shape, const std::array<Shape, N>& strides, Visit&& visit) {
  const std::size_t total = count(shape);
  std::array<std::int64_t, N> offsets{};
  Shape index(shape.size(), 0);
  for (std::size_t i = 0; i < total; ++i) {
    visit(i, offsets);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      for (std::size_t n = 0; n < N; ++n) offsets[n] += strides[n][axis];
      if (++index[axis] < shape[axis]) break;
      for (std::size_t n = 0; n < N; ++n) offsets[n] -= strides[n][axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

/// Calls visit(i, index): the index tuple of each element of `shape`, in row-major order.
template <class Visit>
void for_each_index(const Shape& shape, Visit&& visit) {
  const std::size_t total = count(shape);
  Shape index(shape.size(), 0);
  for (std::size_t i = 0; i < total; ++i) {
    visit(i, index);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

/// Sum of index * strides.
std::int64_t offset_of(const Shape& index, const Shape& strides);

/// A shape seen as (outer, axis, inner): what lies before, along and after one axis.
struct AxisView {
  std::size_t outer = 1;
  std::size_t extent = 1;
  std::size_t inner = 1;
};
AxisView view_along(const Shape& shape, std::size_t axis);

/// A list of integers that is input `index` in newer operator sets and an attribute in older ones.
template <class Scalar>
std::optional<Integers> integers_of(const Call<Scalar>& call, std::size_t index, const char* name) {
  if (call.has(index)) return call.input(index).integers();
  if (call.node.find_attribute(name) != nullptr)
    return call.node.template attribute<Integers>(name, {});
  return std::nullopt;
}

/// Attributes by their usual types.
template <class Scalar>
std::int64_t int_attribute(const Call<Scalar>& call, const char* name, std::int64_t fallback) {
  return call.node.template attribute<std::int64_t>(name, fallback);
}
template <class Scalar>
Scalar float_attribute(const Call<Scalar>& call, const char* name, double fallback) {
  return static_cast<Scalar>(call.node.template attribute<double>(name, fallback));
}
template <class Scalar>
std::string string_attribute(const Call<Scalar>& call, const char* name, const char* fallback) {
  return call.node.template attribute<std::string>(name, fallback);
}

/// An integer as a variable of `type` would hold it (two's complement, modulo 2^bits).
std::int64_t wrap_integer(std::int64_t value, DataType type);

/// The elements as `type`: rounded to it, wrapped to its width, or compared with 0 for booleans.
template <class Scalar>
Value<Scalar> converted(const Value<Scalar>& x, DataType type);

/// The type with this number of TensorProto.DataType, as attributes hold it. Throws Error.
DataType type_from_number(std::int64_t number);

/// A value of `shape` and the type and kind of `like`, filled by make(elements of like, result).
template <class Scalar, class Make>
Value<Scalar> make_like(const Value<Scalar>& like, Shape shape, Make&& make) {
  Value<Scalar> result{.type = like.type, .shape = std::move(shape)};
  std::visit(
      [&](const auto& elements) {
        std::decay_t<decltype(elements)> made(count(result.shape));
        make(elements, made);
        result.elements = std::move(made);
      },
      like.elements);
  return result;
}

/// The same elements in another shape.
template <class Scalar>
Value<Scalar> reshaped(Value<Scalar> value, Shape shape) {
  require(count(shape) == value.size(), "the shapes have different numbers of elements");
  value.shape = std::move(shape);
  return value;
}

/// The elements of `value` as another of the same kind, type-checked.
template <class Scalar, class Vector>
const Vector& same_kind(const Value<Scalar>& value, const Vector&) {
  const Vector* elements = std::get_if<Vector>(&value.elements);
  require(elements != nullptr, "the inputs have different kinds of elements");
  return *elements;
}

/// A list of one value.
template <class Scalar>
std::vector<Value<Scalar>> single(Value<Scalar> value) {
  std::vector<Value<Scalar>> values;
  values.push_back(std::move(value));
  return values;
}

}  // namespace moliere::reference::detail
