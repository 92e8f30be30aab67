// SPDX-License-Identifier: Apache-2.0
// Reductions over axes, and Softmax and CumSum, which run along one.
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace moliere::reference {
namespace {

using namespace detail;

/// Which axes are reduced; nothing: the operator is the identity.
template <class Scalar>
std::optional<std::vector<std::size_t>> reduced_axes(const Call<Scalar>& call) {
  const std::size_t size = call.input(0).shape.size();
  const std::optional<Integers> axes = integers_of(call, 1, "axes");
  if (axes && !axes->empty()) return normalize_axes(*axes, size);
  if (int_attribute(call, "noop_with_empty_axes", 0) != 0) return std::nullopt;
  std::vector<std::size_t> all(size);
  for (std::size_t i = 0; i < size; ++i) all[i] = i;
  return all;
}

/// The shape with reduced axes of extent 1, and without them where they are not kept.
struct ReducedShape {
  Shape kept;
  Shape result;
};
ReducedShape reduce_shape(const Shape& shape, const std::vector<std::size_t>& axes, bool keep) {
  ReducedShape reduced{.kept = shape};
  for (const std::size_t axis : axes) reduced.kept[axis] = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (keep || !std::ranges::binary_search(axes, i)) reduced.result.push_back(reduced.kept[i]);
  }
  return reduced;
}

/// result = finish(fold of step(accumulator, x) over the reduced elements from `start`).
template <class Scalar, class T, class Step, class Finish>
std::vector<T> folded(const std::vector<T>& x, const Shape& shape, const Shape& kept, T start,
                      Step&& step, Finish&& finish) {
  std::vector<T> result(count(kept), start);
  const std::array<Shape, 1> strides{broadcast_strides(kept, shape)};
  for_each_offset(shape, strides, [&](std::size_t i, const auto& o) {
    T& accumulator = result[at(o[0])];
    accumulator = step(accumulator, x[i]);
  });
  for (T& value : result) value = finish(value);
  return result;
}

constexpr auto unchanged = [](auto x) { return x; };

/// A reduction that is defined for floats and integers alike.
template <class Scalar, class Step, class Finish>
std::vector<Value<Scalar>> reduce(const Call<Scalar>& call, double start,
                                  std::int64_t integer_start, Step&& step, Finish&& finish) {
  const Value<Scalar>& x = call.input(0);
  const auto axes = reduced_axes(call);
  // Without axes every element is a set of its own: it is still transformed.
  const std::vector<std::size_t> used = axes.value_or(std::vector<std::size_t>{});
  const bool keep = int_attribute(call, "keepdims", 1) != 0;
  const ReducedShape shape = reduce_shape(x.shape, used, keep);
  if (x.is_real()) {
    auto values =
        folded<Scalar>(x.reals(), x.shape, shape.kept, static_cast<Scalar>(start), step, finish);
    return single(Value<Scalar>::real(shape.result, std::move(values), x.type));
  }
  if (x.type == DataType::boolean) {
    auto values =
        folded<Scalar>(x.booleans(), x.shape, shape.kept,
                       static_cast<std::uint8_t>(integer_start > 0 ? 1 : 0), step, finish);
    return single(Value<Scalar>::boolean(shape.result, std::move(values)));
  }
  auto values = folded<Scalar>(x.integers(), x.shape, shape.kept, integer_start, step, finish);
  for (std::int64_t& value : values) value = wrap_integer(value, x.type);
  return single(Value<Scalar>::integer(shape.result, std::move(values), x.type));
}

/// Number of elements that go into each reduced one.
template <class Scalar>
std::size_t reduced_count(const Call<Scalar>& call) {
  std::size_t number = 1;
  for (const std::size_t axis : reduced_axes(call).value_or(std::vector<std::size_t>{})) {
    number *= at(call.input(0).shape[axis]);
  }
  return number;
}

/// log(sum exp x), from the largest element of each set so that nothing overflows.
template <class Scalar>
std::vector<Value<Scalar>> reduce_log_sum_exp(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const auto axes = reduced_axes(call).value_or(std::vector<std::size_t>{});
  const ReducedShape shape = reduce_shape(x.shape, axes, int_attribute(call, "keepdims", 1) != 0);
  constexpr Scalar lowest = -std::numeric_limits<Scalar>::infinity();
  const auto largest = folded<Scalar>(
      x.reals(), x.shape, shape.kept, lowest, [](Scalar a, Scalar b) { return std::max(a, b); },
      unchanged);
  std::vector<Scalar> sums(largest.size(), 0);
  const std::array<Shape, 1> strides{broadcast_strides(shape.kept, x.shape)};
  const auto offset = [&](std::size_t k) {
    return std::isfinite(largest[k]) ? largest[k] : Scalar{0};
  };
  for_each_offset(x.shape, strides, [&](std::size_t i, const auto& o) {
    sums[at(o[0])] += std::exp(x.reals()[i] - offset(at(o[0])));
  });
  for (std::size_t k = 0; k < sums.size(); ++k) sums[k] = std::log(sums[k]) + offset(k);
  return single(Value<Scalar>::real(shape.result, std::move(sums), x.type));
}

template <class Scalar>
std::vector<Value<Scalar>> reduce_mean(const Call<Scalar>& call) {
  const auto number = reduced_count(call);
  return reduce(
      call, 0, 0, [](auto a, auto b) { return static_cast<decltype(a)>(a + b); },
      [number](auto sum) {
        return static_cast<decltype(sum)>(sum / static_cast<decltype(sum)>(number));
      });
}

/// Opset 13: along one axis. Below: the axes from `axis` on are one.
template <class Scalar>
AxisView softmax_view(const Call<Scalar>& call) {
  const Shape& shape = call.input(0).shape;
  const std::int64_t fallback = call.opset >= 13 ? -1 : 1;
  const std::int64_t given = int_attribute(call, "axis", fallback);
  if (call.opset >= 13) return view_along(shape, normalize_axis(given, shape.size()));
  const std::size_t axis =
      given == rank(shape) ? shape.size() : normalize_axis(given, shape.size());
  AxisView view;
  for (std::size_t i = 0; i < shape.size(); ++i)
    (i < axis ? view.outer : view.extent) *= at(shape[i]);
  return view;
}

/// Calls line(first, stride): each line of the view as a start and a step.
template <class Line>
void for_each_line(const AxisView& view, Line&& line) {
  for (std::size_t o = 0; o < view.outer; ++o) {
    for (std::size_t i = 0; i < view.inner; ++i) line(o * view.extent * view.inner + i, view.inner);
  }
}

/// softmax: e^(x - m) / sum e^(x - m) with m the largest x; log_softmax: its logarithm.
template <class Scalar>
std::vector<Value<Scalar>> softmax(const Call<Scalar>& call, bool logarithm) {
  const Value<Scalar>& x = call.input(0);
  const AxisView view = softmax_view(call);
  std::vector<Scalar> y = x.reals();
  for_each_line(view, [&](std::size_t first, std::size_t stride) {
    Scalar largest = -std::numeric_limits<Scalar>::infinity();
    for (std::size_t k = 0; k < view.extent; ++k)
      largest = std::max(largest, y[first + k * stride]);
    Scalar sum = 0;
    for (std::size_t k = 0; k < view.extent; ++k) sum += std::exp(y[first + k * stride] - largest);
    for (std::size_t k = 0; k < view.extent; ++k) {
      Scalar& element = y[first + k * stride];
      element = logarithm ? element - largest - std::log(sum) : std::exp(element - largest) / sum;
    }
  });
  return single(Value<Scalar>::real(x.shape, std::move(y), x.type));
}

/// 1 at the first largest element of each line, 0 elsewhere.
template <class Scalar>
std::vector<Value<Scalar>> hardmax(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const AxisView view = softmax_view(call);
  std::vector<Scalar> y(x.size(), 0);
  for_each_line(view, [&](std::size_t first, std::size_t stride) {
    std::size_t best = 0;
    for (std::size_t k = 1; k < view.extent; ++k) {
      if (x.reals()[first + k * stride] > x.reals()[first + best * stride]) best = k;
    }
    if (view.extent > 0) y[first + best * stride] = 1;
  });
  return single(Value<Scalar>::real(x.shape, std::move(y), x.type));
}

/// y_k = sum or product of x_j for j <= k (exclusive: j < k), from the end where reverse.
template <class Scalar, class Step>
std::vector<Value<Scalar>> cumulate(const Call<Scalar>& call, int start, Step&& step) {
  const Value<Scalar>& x = call.input(0);
  const std::size_t axis = normalize_axis(call.input(1).integers().at(0), x.shape.size());
  const bool exclusive = int_attribute(call, "exclusive", 0) != 0;
  const bool reverse = int_attribute(call, "reverse", 0) != 0;
  const AxisView view = view_along(x.shape, axis);
  return single(make_like(x, x.shape, [&](const auto& from, auto& to) {
    using T = typename std::decay_t<decltype(from)>::value_type;
    for_each_line(view, [&](std::size_t first, std::size_t stride) {
      T total = static_cast<T>(start);
      for (std::size_t k = 0; k < view.extent; ++k) {
        const std::size_t i = first + (reverse ? view.extent - 1 - k : k) * stride;
        const T before = total;
        total = step(total, from[i]);
        to[i] = exclusive ? before : total;
      }
    });
  }));
}

/// Index of the largest (or smallest) element along an axis; of equal ones the first or the last.
template <class Scalar>
std::vector<Value<Scalar>> extreme_index(const Call<Scalar>& call, bool largest) {
  const Value<Scalar>& x = call.input(0);
  const std::size_t axis = normalize_axis(int_attribute(call, "axis", 0), x.shape.size());
  const bool last = int_attribute(call, "select_last_index", 0) != 0;
  const AxisView view = view_along(x.shape, axis);
  require(view.extent > 0, "the index of the largest of no elements");
  Integers result;
  std::visit(
      [&](const auto& elements) {
        for_each_line(view, [&](std::size_t first, std::size_t stride) {
          std::size_t best = 0;
          for (std::size_t k = 1; k < view.extent; ++k) {
            const auto a = elements[first + k * stride];
            const auto b = elements[first + best * stride];
            const bool better = largest ? a > b : a < b;
            if (better || (last && a == b)) best = k;
          }
          result.push_back(static_cast<std::int64_t>(best));
        });
      },
      x.elements);
  const ReducedShape shape = reduce_shape(x.shape, {axis}, int_attribute(call, "keepdims", 1) != 0);
  return single(Value<Scalar>::integer(shape.result, std::move(result)));
}

}  // namespace

template <class Scalar>
void add_reduction_operators(KernelTable<Scalar>& table) {
  using C = const Call<Scalar>&;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  table["ReduceSum"] = [](C c) {
    return reduce(
        c, 0, 0, [](auto a, auto b) { return static_cast<decltype(a)>(a + b); }, unchanged);
  };
  table["ReduceMean"] = reduce_mean<Scalar>;
  table["ReduceProd"] = [](C c) {
    return reduce(
        c, 1, 1, [](auto a, auto b) { return static_cast<decltype(a)>(a * b); }, unchanged);
  };
  table["ReduceMax"] = [](C c) {
    return reduce(
        c, -infinity, lowest, [](auto a, auto b) { return std::max(a, b); }, unchanged);
  };
  table["ReduceMin"] = [](C c) {
    return reduce(
        c, infinity, largest, [](auto a, auto b) { return std::min(a, b); }, unchanged);
  };
  table["ReduceL1"] = [](C c) {
    return reduce(
        c, 0, 0, [](auto a, auto b) { return static_cast<decltype(a)>(a + (b < 0 ? -b : b)); },
        unchanged);
  };
  table["ReduceSumSquare"] = [](C c) {
    return reduce(
        c, 0, 0, [](auto a, auto b) { return static_cast<decltype(a)>(a + b * b); }, unchanged);
  };
  table["ReduceL2"] = [](C c) {
    return reduce(
        c, 0, 0, [](auto a, auto b) { return static_cast<decltype(a)>(a + b * b); },
        [](auto a) { return static_cast<decltype(a)>(std::sqrt(static_cast<Scalar>(a))); });
  };
  table["ReduceLogSum"] = [](C c) {
    return reduce(
        c, 0, 0, [](auto a, auto b) { return static_cast<decltype(a)>(a + b); },
        [](auto a) { return static_cast<decltype(a)>(std::log(static_cast<Scalar>(a))); });
  };
  table["ReduceLogSumExp"] = reduce_log_sum_exp<Scalar>;
  table["ArgMax"] = [](C c) { return extreme_index(c, true); };
  table["ArgMin"] = [](C c) { return extreme_index(c, false); };
  table["Softmax"] = [](C c) { return softmax(c, false); };
  table["LogSoftmax"] = [](C c) { return softmax(c, true); };
  table["Hardmax"] = hardmax<Scalar>;
  table["CumSum"] = [](C c) {
    return cumulate(c, 0, [](auto a, auto b) { return static_cast<decltype(a)>(a + b); });
  };
  table["CumProd"] = [](C c) {
    return cumulate(c, 1, [](auto a, auto b) { return static_cast<decltype(a)>(a * b); });
  };
}

template void add_reduction_operators(KernelTable<double>&);
template void add_reduction_operators(KernelTable<float>&);

}  // namespace moliere::reference
