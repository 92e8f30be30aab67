// SPDX-License-Identifier: Apache-2.0
#include "moliere/reference/value.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>

namespace moliere::reference {
namespace {

[[noreturn]] void throw_wrong_kind(DataType type, std::string_view wanted) {
  throw Error(fmt::format("{} elements where {} are needed", to_string(type), wanted),
              "the operator is not defined for them", "check the types in the model");
}

template <class T>
constexpr bool is_real_type = std::is_same_v<T, float> || std::is_same_v<T, double> ||
                              std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

}  // namespace

template <class Scalar>
const std::vector<Scalar>& Value<Scalar>::reals() const {
  if (const auto* vector = std::get_if<0>(&elements)) return *vector;
  throw_wrong_kind(type, "floating-point numbers");
}

template <class Scalar>
const std::vector<std::int64_t>& Value<Scalar>::integers() const {
  if (const auto* vector = std::get_if<1>(&elements)) return *vector;
  throw_wrong_kind(type, "integers");
}

template <class Scalar>
const std::vector<std::uint8_t>& Value<Scalar>::booleans() const {
  if (const auto* vector = std::get_if<2>(&elements)) return *vector;
  throw_wrong_kind(type, "booleans");
}

template <class Scalar>
Value<Scalar> Value<Scalar>::real(Shape shape, std::vector<Scalar> elements, DataType type) {
  Value value{.type = type, .shape = std::move(shape)};
  value.elements.template emplace<0>(std::move(elements));
  return value;
}

template <class Scalar>
Value<Scalar> Value<Scalar>::integer(Shape shape, std::vector<std::int64_t> elements,
                                     DataType type) {
  Value value{.type = type, .shape = std::move(shape)};
  value.elements.template emplace<1>(std::move(elements));
  return value;
}

template <class Scalar>
Value<Scalar> Value<Scalar>::boolean(Shape shape, std::vector<std::uint8_t> elements) {
  Value value{.type = DataType::boolean, .shape = std::move(shape)};
  value.elements.template emplace<2>(std::move(elements));
  return value;
}

template <class Scalar>
Value<Scalar> Value<Scalar>::from_tensor(const Tensor& tensor) {
  return visit_type(tensor.type(), [&]<class T>() {
    const std::span<const T> from = tensor.data<T>();
    using Held =
        std::conditional_t<is_real_type<T>, Scalar,
                           std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, std::int64_t>>;
    std::vector<Held> held(from.size());
    std::ranges::transform(from, held.begin(), [](T x) { return static_cast<Held>(x); });
    Value value{.type = tensor.type(), .shape = tensor.shape()};
    value.elements = std::move(held);
    return value;
  });
}

template <class Scalar>
Tensor Value<Scalar>::to_tensor() const {
  Tensor tensor(type, shape);
  visit_type(type, [&]<class T>() {
    const std::span<T> to = tensor.data<T>();
    std::visit(
        [&](const auto& from) {
          for (std::size_t i = 0; i < from.size(); ++i) {
            if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
              to[i] = T(static_cast<double>(from[i]));
            } else {
              to[i] = static_cast<T>(from[i]);
            }
          }
        },
        elements);
  });
  return tensor;
}

template struct Value<double>;
template struct Value<float>;

}  // namespace moliere::reference
