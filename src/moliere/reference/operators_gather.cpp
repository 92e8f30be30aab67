// SPDX-License-Identifier: Apache-2.0
// Reading and writing at positions that are data: Gather and Scatter in all forms, Compress.
#include "moliere/reference/detail.hpp"

#include <algorithm>

namespace moliere::reference {
namespace {

using namespace detail;

std::int64_t checked_index(std::int64_t index, std::int64_t extent) {
  if (index < -extent || index >= extent) {
    throw_invalid(fmt::format("index {} into an axis of {}", index, extent));
  }
  return index < 0 ? index + extent : index;
}

/// y[a..., i..., b...] = x[a..., indices[i...], b...]
template <class Scalar>
std::vector<Value<Scalar>> gather(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Value<Scalar>& indices = call.input(1);
  const std::size_t axis = normalize_axis(int_attribute(call, "axis", 0), x.shape.size());
  const AxisView view = view_along(x.shape, axis);
  Shape shape(x.shape.begin(), x.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), indices.shape.begin(), indices.shape.end());
  shape.insert(shape.end(), x.shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, x.shape.end());
  const Integers& rows = indices.integers();
  return single(make_like(x, shape, [&](const auto& from, auto& to) {
    auto out = to.begin();
    for (std::size_t o = 0; o < view.outer; ++o) {
      for (const std::int64_t row : rows) {
        const std::size_t r = at(checked_index(row, x.shape[axis]));
        out = std::copy_n(
            from.begin() + static_cast<std::ptrdiff_t>((o * view.extent + r) * view.inner),
            view.inner, out);
      }
    }
  }));
}

/// y[i_0, ..., i_axis, ...] = x[i_0, ..., indices[i], ...]
template <class Scalar>
std::vector<Value<Scalar>> gather_elements(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Value<Scalar>& indices = call.input(1);
  require(x.shape.size() == indices.shape.size(), "GatherElements of tensors of different rank");
  const std::size_t axis = normalize_axis(int_attribute(call, "axis", 0), x.shape.size());
  const Integers& positions = indices.integers();
  const Shape strides = strides_of(x.shape);
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    require(i == axis || indices.shape[i] <= x.shape[i], "the indices are larger than the data");
  }
  return single(make_like(x, indices.shape, [&](const auto& from, auto& to) {
    for_each_index(indices.shape, [&](std::size_t i, const Shape& index) {
      const std::int64_t row = checked_index(positions[i], x.shape[axis]);
      to[i] = from[at(offset_of(index, strides) + (row - index[axis]) * strides[axis])];
    });
  }));
}

/// Offset in an array of `shape` of the tuple of `depth` indices that starts at `tuple`.
std::int64_t tuple_offset(const Integers& indices, std::size_t tuple, std::size_t depth,
                          const Shape& shape, const Shape& strides, std::size_t first_axis) {
  std::int64_t offset = 0;
  for (std::size_t k = 0; k < depth; ++k) {
    offset += checked_index(indices[tuple + k], shape[first_axis + k]) * strides[first_axis + k];
  }
  return offset;
}

/// The last axis of `indices` holds tuples; each picks a slice of x.
template <class Scalar>
std::vector<Value<Scalar>> gather_nd(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Value<Scalar>& indices = call.input(1);
  const auto batch = at(int_attribute(call, "batch_dims", 0));
  require(!indices.shape.empty() && batch < indices.shape.size() && batch < x.shape.size(),
          "GatherND of such shapes");
  const auto depth = at(indices.shape.back());
  require(batch + depth <= x.shape.size(), "the index tuples are longer than the data's rank");
  Shape shape(indices.shape.begin(), indices.shape.end() - 1);
  const auto tail = x.shape.begin() + static_cast<std::ptrdiff_t>(batch + depth);
  const std::size_t slice = count(Shape(tail, x.shape.end()));
  shape.insert(shape.end(), tail, x.shape.end());
  const std::size_t batches =
      count(Shape(x.shape.begin(), x.shape.begin() + static_cast<std::ptrdiff_t>(batch)));
  const std::size_t tuples = depth == 0 ? 0 : indices.size() / depth;
  const std::size_t tuples_a_batch = batches == 0 ? 0 : tuples / batches;
  const Shape strides = strides_of(x.shape);
  const std::int64_t batch_stride = batch == 0 ? 0 : strides[batch - 1];
  const Integers& positions = indices.integers();
  return single(make_like(x, shape, [&](const auto& from, auto& to) {
    auto out = to.begin();
    for (std::size_t t = 0; t < tuples; ++t) {
      const auto b = static_cast<std::int64_t>(tuples_a_batch == 0 ? 0 : t / tuples_a_batch);
      const std::int64_t offset =
          b * batch_stride + tuple_offset(positions, t * depth, depth, x.shape, strides, batch);
      out = std::copy_n(from.begin() + offset, slice, out);
    }
  }));
}

/// What a scattered element does to the one that is there.
template <class T>
T reduce(const std::string& reduction, T old, T update) {
  if (reduction == "none") return update;
  if (reduction == "add") return static_cast<T>(old + update);
  if (reduction == "mul") return static_cast<T>(old * update);
  if (reduction == "max") return std::max(old, update);
  if (reduction == "min") return std::min(old, update);
  throw_invalid("a Scatter operator with an unknown reduction");
}

/// y = x; y[i_0, ..., indices[i], ...] = updates[i], or combined with what is there.
template <class Scalar>
std::vector<Value<Scalar>> scatter_elements(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Value<Scalar>& indices = call.input(1);
  const Value<Scalar>& updates = call.input(2);
  require(indices.shape == updates.shape && indices.shape.size() == x.shape.size(),
          "ScatterElements needs indices and updates of one shape");
  const std::size_t axis = normalize_axis(int_attribute(call, "axis", 0), x.shape.size());
  const std::string reduction = string_attribute(call, "reduction", "none");
  const Integers& positions = indices.integers();
  const Shape strides = strides_of(x.shape);
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    require(i == axis || indices.shape[i] <= x.shape[i], "the indices are larger than the data");
  }
  return single(make_like(x, x.shape, [&](const auto& from, auto& to) {
    to = from;
    const auto& values = same_kind(updates, from);
    for_each_index(indices.shape, [&](std::size_t i, const Shape& index) {
      const std::int64_t row = checked_index(positions[i], x.shape[axis]);
      auto& target = to[at(offset_of(index, strides) + (row - index[axis]) * strides[axis])];
      target = reduce(reduction, target, values[i]);
    });
  }));
}

/// y = x; each tuple of `indices` names a slice that a slice of `updates` replaces or changes.
template <class Scalar>
std::vector<Value<Scalar>> scatter_nd(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Value<Scalar>& indices = call.input(1);
  const Value<Scalar>& updates = call.input(2);
  require(!indices.shape.empty(), "ScatterND needs index tuples");
  const auto depth = at(indices.shape.back());
  require(depth <= x.shape.size(), "the index tuples are longer than the data's rank");
  const std::size_t slice =
      count(Shape(x.shape.begin() + static_cast<std::ptrdiff_t>(depth), x.shape.end()));
  const std::size_t tuples = count(Shape(indices.shape.begin(), indices.shape.end() - 1));
  require(updates.size() == tuples * slice, "the updates do not fit the indices");
  const std::string reduction = string_attribute(call, "reduction", "none");
  const Shape strides = strides_of(x.shape);
  const Integers& positions = indices.integers();
  return single(make_like(x, x.shape, [&](const auto& from, auto& to) {
    to = from;
    const auto& values = same_kind(updates, from);
    for (std::size_t t = 0; t < tuples; ++t) {
      const auto offset = at(tuple_offset(positions, t * depth, depth, x.shape, strides, 0));
      for (std::size_t i = 0; i < slice; ++i) {
        to[offset + i] = reduce(reduction, to[offset + i], values[t * slice + i]);
      }
    }
  }));
}

/// The slices along an axis (or elements) whose condition is true.
template <class Scalar>
std::vector<Value<Scalar>> compress(const Call<Scalar>& call) {
  Value<Scalar> x = call.input(0);
  const auto& condition = call.input(1).booleans();
  if (call.node.find_attribute("axis") == nullptr) {
    const auto size = static_cast<std::int64_t>(x.size());
    x = reshaped(std::move(x), {size});
  }
  const std::size_t axis = normalize_axis(int_attribute(call, "axis", 0), x.shape.size());
  const AxisView view = view_along(x.shape, axis);
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < std::min(condition.size(), view.extent); ++i) {
    if (condition[i] != 0) kept.push_back(i);
  }
  Shape shape = x.shape;
  shape[axis] = static_cast<std::int64_t>(kept.size());
  return single(make_like(x, shape, [&](const auto& from, auto& to) {
    auto out = to.begin();
    for (std::size_t o = 0; o < view.outer; ++o) {
      for (const std::size_t row : kept) {
        out = std::copy_n(
            from.begin() + static_cast<std::ptrdiff_t>((o * view.extent + row) * view.inner),
            view.inner, out);
      }
    }
  }));
}

}  // namespace

template <class Scalar>
void add_gather_operators(KernelTable<Scalar>& table) {
  table["Gather"] = gather<Scalar>;
  table["GatherElements"] = gather_elements<Scalar>;
  table["GatherND"] = gather_nd<Scalar>;
  table["Scatter"] = scatter_elements<Scalar>;  // its name up to opset 10
  table["ScatterElements"] = scatter_elements<Scalar>;
  table["ScatterND"] = scatter_nd<Scalar>;
  table["Compress"] = compress<Scalar>;
}

template void add_gather_operators(KernelTable<double>&);
template void add_gather_operators(KernelTable<float>&);

}  // namespace moliere::reference
