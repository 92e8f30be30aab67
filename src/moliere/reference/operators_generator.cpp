// SPDX-License-Identifier: Apache-2.0
// Operators that make tensors from attributes, shapes and counts.
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <cmath>

namespace moliere::reference {
namespace {

using namespace detail;

/// No node may ask for more elements than this out of nothing: 2^31.
constexpr std::int64_t most_elements = std::int64_t{1} << 31;

template <class Scalar>
std::vector<Value<Scalar>> constant(const Call<Scalar>& call) {
  using V = Value<Scalar>;
  const auto& attributes = call.node.attributes;
  for (const auto& [name, value] : attributes) {
    if (name == "value") return single(V::from_tensor(std::get<Tensor>(value)));
    if (name == "value_float") {
      return single(V::real({}, {static_cast<Scalar>(std::get<double>(value))}));
    }
    if (name == "value_int") return single(V::integer({}, {std::get<std::int64_t>(value)}));
    if (name == "value_floats") {
      const auto& list = std::get<std::vector<double>>(value);
      std::vector<Scalar> elements;
      for (const double x : list) elements.push_back(static_cast<Scalar>(x));
      return single(V::real({rank(Shape(list.size()))}, std::move(elements)));
    }
    if (name == "value_ints") {
      const auto& list = std::get<Integers>(value);
      return single(V::integer({rank(list)}, list));
    }
  }
  throw_invalid("Constant without a value of numbers");
}

template <class Scalar>
std::vector<Value<Scalar>> constant_of_shape(const Call<Scalar>& call) {
  const Shape shape = call.input(0).integers();
  require(element_count(shape) <= most_elements, "ConstantOfShape of more than 2^31 elements");
  const Tensor fill = call.node.attribute("value", Tensor(DataType::float32, {1}));
  const Value<Scalar> value = Value<Scalar>::from_tensor(fill);
  require(value.size() == 1, "ConstantOfShape needs one value");
  return single(
      make_like(value, shape, [](const auto& from, auto& to) { std::ranges::fill(to, from[0]); }));
}

/// The extents from axis `start` up to `end`.
template <class Scalar>
std::vector<Value<Scalar>> shape_of(const Call<Scalar>& call) {
  const Shape& shape = call.input(0).shape;
  const std::int64_t size = rank(shape);
  const auto position = [&](std::int64_t axis) {
    return std::clamp<std::int64_t>(axis < 0 ? axis + size : axis, 0, size);
  };
  const std::int64_t start = position(int_attribute(call, "start", 0));
  const std::int64_t end = std::max(start, position(int_attribute(call, "end", size)));
  return single(
      Value<Scalar>::integer({end - start}, Integers(shape.begin() + start, shape.begin() + end)));
}

template <class Scalar>
std::vector<Value<Scalar>> size_of_input(const Call<Scalar>& call) {
  return single(Value<Scalar>::integer({}, {static_cast<std::int64_t>(call.input(0).size())}));
}

/// start, start + delta, ...: max(ceil((limit - start) / delta), 0) numbers
template <class Scalar>
std::vector<Value<Scalar>> range(const Call<Scalar>& call) {
  const Value<Scalar>& start = call.input(0);
  return single(std::visit(
      [&](const auto& from) -> Value<Scalar> {
        using Vector = std::decay_t<decltype(from)>;
        if constexpr (std::is_same_v<Vector, std::vector<std::uint8_t>>) {
          throw_invalid("Range of booleans");
        } else {
          const auto first = from.at(0);
          const auto limit = same_kind(call.input(1), from).at(0);
          const auto delta = same_kind(call.input(2), from).at(0);
          require(delta != 0, "Range with step 0");
          const double number =
              std::ceil((static_cast<double>(limit) - static_cast<double>(first)) /
                        static_cast<double>(delta));
          require(number <= static_cast<double>(most_elements), "Range of more than 2^31 elements");
          const auto length = static_cast<std::int64_t>(std::max(number, 0.0));
          return make_like(start, {length}, [&](const auto&, auto& to) {
            using T = typename std::decay_t<decltype(to)>::value_type;
            if constexpr (std::is_same_v<T, typename Vector::value_type>) {
              for (std::size_t i = 0; i < to.size(); ++i) to[i] = first + static_cast<T>(i) * delta;
            }
          });
        }
      },
      start.elements));
}

/// Ones on the k-th diagonal.
template <class Scalar>
std::vector<Value<Scalar>> eye_like(const Call<Scalar>& call) {
  Value<Scalar> like = call.input(0);
  require(like.shape.size() == 2, "EyeLike of something that is no matrix");
  const std::int64_t k = int_attribute(call, "k", 0);
  if (call.node.find_attribute("dtype") != nullptr) {
    like = converted(like, type_from_number(int_attribute(call, "dtype", 1)));
  }
  return single(make_like(like, like.shape, [&](const auto&, auto& to) {
    for_each_index(like.shape, [&](std::size_t i, const Shape& index) {
      to[i] = index[1] - index[0] == k ? 1 : 0;
    });
  }));
}

/// A new axis of `depth` elements: values[1] at the index, values[0] elsewhere.
template <class Scalar>
std::vector<Value<Scalar>> one_hot(const Call<Scalar>& call) {
  const auto as_integers = [](const Value<Scalar>& value) {
    if (!value.is_real()) return value.integers();
    Integers result;
    for (const Scalar x : value.reals()) result.push_back(static_cast<std::int64_t>(x));
    return result;
  };
  const Value<Scalar>& indices = call.input(0);
  const Integers positions = as_integers(indices);
  const std::int64_t depth = as_integers(call.input(1)).at(0);
  const Value<Scalar>& values = call.input(2);
  require(depth > 0 && values.size() == 2, "OneHot needs a depth above 0 and two values");
  const std::size_t axis =
      normalize_axis(int_attribute(call, "axis", -1), indices.shape.size() + 1);
  Shape shape = indices.shape;
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), depth);
  const AxisView view = view_along(shape, axis);
  return single(make_like(values, shape, [&](const auto& from, auto& to) {
    std::ranges::fill(to, from[0]);
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const std::int64_t position = positions[i] < 0 ? positions[i] + depth : positions[i];
      if (position < 0 || position >= depth) continue;  // outside: no hot element
      const std::size_t outer = i / view.inner;
      to[(outer * view.extent + at(position)) * view.inner + i % view.inner] = from[1];
    }
  }));
}

/// Index tuples of the elements that are not zero, one column each.
template <class Scalar>
std::vector<Value<Scalar>> non_zero(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  std::vector<Integers> columns(x.shape.size());
  std::visit(
      [&](const auto& elements) {
        for_each_index(x.shape, [&](std::size_t i, const Shape& index) {
          if (elements[i] == 0) return;
          for (std::size_t axis = 0; axis < index.size(); ++axis)
            columns[axis].push_back(index[axis]);
        });
      },
      x.elements);
  Integers result;
  for (const Integers& column : columns) result.insert(result.end(), column.begin(), column.end());
  const std::int64_t found = columns.empty() ? 0 : rank(columns[0]);
  return single(Value<Scalar>::integer({rank(x.shape), found}, std::move(result)));
}

}  // namespace

template <class Scalar>
void add_generator_operators(KernelTable<Scalar>& table) {
  table["Constant"] = constant<Scalar>;
  table["ConstantOfShape"] = constant_of_shape<Scalar>;
  table["Shape"] = shape_of<Scalar>;
  table["Size"] = size_of_input<Scalar>;
  table["Range"] = range<Scalar>;
  table["EyeLike"] = eye_like<Scalar>;
  table["OneHot"] = one_hot<Scalar>;
  table["NonZero"] = non_zero<Scalar>;
}

template void add_generator_operators(KernelTable<double>&);
template void add_generator_operators(KernelTable<float>&);

}  // namespace moliere::reference
