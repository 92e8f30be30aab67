// SPDX-License-Identifier: Apache-2.0
// Pools over windows and over whole images; equations as in ONNX's operator definitions.
// Letters: N batch, C channels.
#include "moliere/reference/window.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace moliere::reference {
namespace {

using namespace detail;

/// A window over each of the (N, C) planes of the input.
struct Pool {
  Window window;
  Shape in;
  Shape result;
  std::size_t planes;

  std::size_t in_size() const { return count(in); }
  std::size_t out_size() const { return count(window.output); }
};

template <class Scalar>
Pool pool_of(const Call<Scalar>& call) {
  const Shape& shape = call.input(0).shape;
  Pool pool{.in = spatial_extents(shape)};
  const Integers kernel = call.node.template attribute<Integers>("kernel_shape", {});
  pool.window = window_of(call.node, pool.in, kernel);
  pool.result = with_spatial(shape[0], shape[1], pool.window.output);
  pool.planes = at(shape[0] * shape[1]);
  return pool;
}

/// Calls visit(plane, o, index): each element o of the result of each plane.
template <class Visit>
void for_each_output(const Pool& pool, Visit&& visit) {
  for (std::size_t plane = 0; plane < pool.planes; ++plane) {
    for_each_index(pool.window.output,
                   [&](std::size_t o, const Shape& index) { visit(plane, o, index); });
  }
}

/// Offset of an element in a plane stored first axis fastest (storage_order 1).
std::int64_t column_major_offset(const Shape& position, const Shape& extents) {
  std::int64_t offset = 0;
  for (std::size_t i = extents.size(); i-- > 0;) offset = offset * extents[i] + position[i];
  return offset;
}

/// y[o] = max_k x[o stride - pad + k dilation] over what lies on the input, and where it was.
template <class Scalar>
std::vector<Value<Scalar>> max_pool(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Pool pool = pool_of(call);
  const bool column_major = int_attribute(call, "storage_order", 0) != 0;
  std::vector<std::int64_t> indices(count(pool.result), 0);
  Value<Scalar> y = make_like(x, pool.result, [&](const auto& from, auto& to) {
    using T = typename std::decay_t<decltype(to)>::value_type;
    using Limits = std::numeric_limits<T>;
    constexpr T lowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    for_each_output(pool, [&](std::size_t plane, std::size_t o, const Shape& index) {
      const std::size_t first = plane * pool.in_size();
      T best = lowest;
      std::int64_t where = -1;
      for_each_tap(pool.window, pool.in, index,
                   [&](std::size_t, const Shape& position, std::size_t i) {
                     if (where >= 0 && !(from[first + i] > best)) return;
                     best = from[first + i];
                     where = column_major ? column_major_offset(position, pool.in)
                                          : static_cast<std::int64_t>(i);
                   });
      to[plane * pool.out_size() + o] = best;
      indices[plane * pool.out_size() + o] = static_cast<std::int64_t>(first) + where;
    });
  });
  std::vector<Value<Scalar>> results = single(std::move(y));
  results.push_back(Value<Scalar>::integer(pool.result, std::move(indices)));
  return results;
}

/// Taps of the window at `index` that lie on the input or its padding: ceil_mode lets a window
/// hang over even that.
std::int64_t taps_on_padded(const Pool& pool, const Shape& index) {
  const Window& window = pool.window;
  std::int64_t number = 1;
  for (std::size_t i = 0; i < pool.in.size(); ++i) {
    const std::int64_t first = index[i] * window.strides[i];
    const std::int64_t extent = pool.in[i] + window.pads_begin[i] + window.pads_end[i];
    const std::int64_t fitting = (extent - first + window.dilations[i] - 1) / window.dilations[i];
    number *= std::clamp<std::int64_t>(fitting, 0, window.kernel[i]);
  }
  return number;
}

/// y[o] = sum_k x[o stride - pad + k dilation] / number of taps: those on the input, with
/// count_include_pad those on the padding too.
template <class Scalar>
std::vector<Value<Scalar>> average_pool(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Pool pool = pool_of(call);
  const bool with_padding = int_attribute(call, "count_include_pad", 0) != 0;
  std::vector<Scalar> y(count(pool.result));
  for_each_output(pool, [&](std::size_t plane, std::size_t o, const Shape& index) {
    const Scalar* from = x.reals().data() + plane * pool.in_size();
    Scalar sum = 0;
    std::int64_t number = 0;
    for_each_tap(pool.window, pool.in, index, [&](std::size_t, const Shape&, std::size_t i) {
      sum += from[i];
      ++number;
    });
    if (with_padding) number = taps_on_padded(pool, index);
    y[plane * pool.out_size() + o] = sum / static_cast<Scalar>(number);
  });
  return single(Value<Scalar>::real(pool.result, std::move(y), x.type));
}

/// The exponent of an Lp norm; it was a number with digits below opset 2 alone.
template <class Scalar>
Scalar exponent_of(const Call<Scalar>& call) {
  const std::int64_t p = int_attribute(call, "p", 2);
  require(p > 0, "the exponent p is not positive");
  return static_cast<Scalar>(p);
}

/// y[o] = (sum_k |x[o stride - pad + k dilation]|^p)^(1/p).
template <class Scalar>
std::vector<Value<Scalar>> lp_pool(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Pool pool = pool_of(call);
  const Scalar p = exponent_of(call);
  std::vector<Scalar> y(count(pool.result));
  for_each_output(pool, [&](std::size_t plane, std::size_t o, const Shape& index) {
    const Scalar* from = x.reals().data() + plane * pool.in_size();
    Scalar sum = 0;
    for_each_tap(pool.window, pool.in, index, [&](std::size_t, const Shape&, std::size_t i) {
      sum += std::pow(std::abs(from[i]), p);
    });
    y[plane * pool.out_size() + o] = std::pow(sum, 1 / p);
  });
  return single(Value<Scalar>::real(pool.result, std::move(y), x.type));
}

/// y[n, c, 1...] = finish(fold of step over the plane from `start`).
template <class Scalar, class Step, class Finish>
std::vector<Value<Scalar>> global_pool(const Call<Scalar>& call, Scalar start, Step&& step,
                                       Finish&& finish) {
  const Value<Scalar>& x = call.input(0);
  const Shape in = spatial_extents(x.shape);
  const std::size_t size = count(in);
  const Shape result = with_spatial(x.shape[0], x.shape[1], Shape(in.size(), 1));
  std::vector<Scalar> y(count(result), start);
  for (std::size_t i = 0; i < x.size(); ++i) y[i / size] = step(y[i / size], x.reals()[i]);
  for (Scalar& value : y) value = finish(value, static_cast<Scalar>(size));
  return single(Value<Scalar>::real(result, std::move(y), x.type));
}

/// Puts each x where its index says, zeros elsewhere: undoes MaxPool. The indices count in the
/// inferred shape, (in - 1) stride + kernel - pads; a larger `output_shape` is filled from there.
template <class Scalar>
std::vector<Value<Scalar>> max_unpool(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const std::vector<std::int64_t>& indices = call.input(1).integers();
  require(indices.size() == x.size(), "MaxUnpool has another number of indices than elements");
  const Shape in = spatial_extents(x.shape);
  const Integers kernel = call.node.template attribute<Integers>("kernel_shape", {});
  const Window window = transposed_window_of(call.node, in, kernel);
  const Shape inferred = with_spatial(x.shape[0], x.shape[1], window.output);
  const Shape result = call.has(2) ? call.input(2).integers() : inferred;
  require(result.size() == inferred.size(), "'output_shape' has another rank than the input");
  const Shape strides = strides_of(result);
  std::vector<Scalar> y(count(result), 0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::int64_t rest = indices[i];
    std::int64_t offset = 0;
    for (std::size_t axis = inferred.size(); axis-- > 0;) {
      const std::int64_t position = rest % inferred[axis];
      require(position >= 0 && position < result[axis], "an index of MaxUnpool lies outside");
      offset += position * strides[axis];
      rest /= inferred[axis];
    }
    require(rest == 0, "an index of MaxUnpool lies outside");
    y[at(offset)] = x.reals()[i];
  }
  return single(Value<Scalar>::real(result, std::move(y), x.type));
}

}  // namespace

template <class Scalar>
void add_pooling_operators(KernelTable<Scalar>& table) {
  using C = const Call<Scalar>&;
  table["MaxPool"] = max_pool<Scalar>;
  table["AveragePool"] = average_pool<Scalar>;
  table["LpPool"] = lp_pool<Scalar>;
  table["MaxUnpool"] = max_unpool<Scalar>;
  table["GlobalAveragePool"] = [](C c) {
    return global_pool<Scalar>(
        c, 0, [](Scalar a, Scalar b) { return a + b; },
        [](Scalar sum, Scalar size) { return sum / size; });
  };
  table["GlobalMaxPool"] = [](C c) {
    return global_pool<Scalar>(
        c, -std::numeric_limits<Scalar>::infinity(),
        [](Scalar a, Scalar b) { return std::max(a, b); }, [](Scalar a, Scalar) { return a; });
  };
  table["GlobalLpPool"] = [](C c) {
    const Scalar p = exponent_of(c);
    return global_pool<Scalar>(
        c, 0, [p](Scalar a, Scalar b) { return a + std::pow(std::abs(b), p); },
        [p](Scalar sum, Scalar) { return std::pow(sum, 1 / p); });
  };
}

template void add_pooling_operators(KernelTable<double>&);
template void add_pooling_operators(KernelTable<float>&);

}  // namespace moliere::reference
