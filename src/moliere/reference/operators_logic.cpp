// SPDX-License-Identifier: Apache-2.0
// Comparisons, logic, selection by condition, conversion of types.
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace moliere::reference {
namespace {

using namespace detail;

/// z = relation(x, y) as booleans, with broadcasting, for two inputs of one kind.
template <class Scalar, class Relation>
std::vector<Value<Scalar>> relate(const Call<Scalar>& call, Relation&& relation) {
  const Value<Scalar>& x = call.input(0);
  const Value<Scalar>& y = call.input(1);
  Shape shape = broadcast_shape(x.shape, y.shape);
  const std::array<Shape, 2> strides{broadcast_strides(x.shape, shape),
                                     broadcast_strides(y.shape, shape)};
  std::vector<std::uint8_t> z(count(shape));
  std::visit(
      [&](const auto& a) {
        const auto& b = same_kind(y, a);
        for_each_offset(shape, strides, [&](std::size_t i, const auto& o) {
          z[i] = relation(a[at(o[0])], b[at(o[1])]) ? 1 : 0;
        });
      },
      x.elements);
  return single(Value<Scalar>::boolean(std::move(shape), std::move(z)));
}

template <class Scalar, class Test>
std::vector<Value<Scalar>> test_real(const Call<Scalar>& call, Test&& test) {
  const Value<Scalar>& x = call.input(0);
  std::vector<std::uint8_t> y(x.size());
  std::ranges::transform(x.reals(), y.begin(), [&](Scalar v) { return test(v) ? 1 : 0; });
  return single(Value<Scalar>::boolean(x.shape, std::move(y)));
}

/// detect_negative, detect_positive choose the infinities that count.
template <class Scalar>
std::vector<Value<Scalar>> is_infinite(const Call<Scalar>& call) {
  const bool negative = int_attribute(call, "detect_negative", 1) != 0;
  const bool positive = int_attribute(call, "detect_positive", 1) != 0;
  return test_real(call, [=](Scalar x) { return std::isinf(x) && (x < 0 ? negative : positive); });
}

/// condition ? x : y, all three broadcast.
template <class Scalar>
std::vector<Value<Scalar>> where(const Call<Scalar>& call) {
  const Value<Scalar>& condition = call.input(0);
  const Value<Scalar>& x = call.input(1);
  const Value<Scalar>& y = call.input(2);
  const Shape shape = broadcast_shape(condition.shape, broadcast_shape(x.shape, y.shape));
  const std::array<Shape, 3> strides{broadcast_strides(condition.shape, shape),
                                     broadcast_strides(x.shape, shape),
                                     broadcast_strides(y.shape, shape)};
  const auto& chosen = condition.booleans();
  return single(make_like(x, shape, [&](const auto& a, auto& z) {
    const auto& b = same_kind(y, a);
    for_each_offset(shape, strides, [&](std::size_t i, const auto& o) {
      z[i] = chosen[at(o[0])] != 0 ? a[at(o[1])] : b[at(o[2])];
    });
  }));
}

template <class Scalar, class Gate>
std::vector<Value<Scalar>> gate(const Call<Scalar>& call, Gate&& function) {
  require(call.input(0).type == DataType::boolean, "a logical operator on numbers");
  return relate(call, [&](auto a, auto b) { return function(a != 0, b != 0); });
}

}  // namespace

template <class Scalar>
void add_logic_operators(KernelTable<Scalar>& table) {
  using C = const Call<Scalar>&;
  table["Equal"] = [](C c) { return relate(c, std::equal_to<>{}); };
  table["Less"] = [](C c) { return relate(c, std::less<>{}); };
  table["LessOrEqual"] = [](C c) { return relate(c, std::less_equal<>{}); };
  table["Greater"] = [](C c) { return relate(c, std::greater<>{}); };
  table["GreaterOrEqual"] = [](C c) { return relate(c, std::greater_equal<>{}); };
  table["And"] = [](C c) { return gate(c, std::logical_and<>{}); };
  table["Or"] = [](C c) { return gate(c, std::logical_or<>{}); };
  table["Xor"] = [](C c) { return gate(c, std::not_equal_to<>{}); };
  table["Not"] = [](C c) {
    std::vector<std::uint8_t> y = c.input(0).booleans();
    for (std::uint8_t& b : y) b = b == 0 ? 1 : 0;
    return single(Value<Scalar>::boolean(c.input(0).shape, std::move(y)));
  };
  table["IsNaN"] = [](C c) { return test_real(c, [](Scalar x) { return std::isnan(x); }); };
  table["IsInf"] = is_infinite<Scalar>;
  table["Where"] = where<Scalar>;
  table["Cast"] = [](C c) {
    return single(converted(c.input(0), type_from_number(int_attribute(c, "to", 0))));
  };
  table["CastLike"] = [](C c) { return single(converted(c.input(0), c.input(1).type)); };
}

template void add_logic_operators(KernelTable<double>&);
template void add_logic_operators(KernelTable<float>&);

}  // namespace moliere::reference
