// SPDX-License-Identifier: Apache-2.0
// Operators that move elements and change none: shapes, joins, cuts, padding.
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <numeric>

namespace moliere::reference {
namespace {

using namespace detail;

/// result[i] = x[source(index of i)] for every index of `shape`; source gives an offset in x, or -1
/// for the value `fill`.
template <class Scalar, class Source>
Value<Scalar> pick(const Value<Scalar>& x, const Shape& shape, Source&& source) {
  return make_like(x, shape, [&](const auto& from, auto& to) {
    for_each_index(shape,
                   [&](std::size_t i, const Shape& index) { to[i] = from[at(source(index))]; });
  });
}

template <class Scalar>
std::vector<Value<Scalar>> identity(const Call<Scalar>& call) {
  return single(call.input(0));
}

/// In inference the data passes unchanged; the mask says that all elements are kept.
template <class Scalar>
std::vector<Value<Scalar>> dropout(const Call<Scalar>& call) {
  if (call.has(2) && call.input(2).booleans().at(0) != 0) {
    require(call.has(1) && call.input(1).reals().at(0) == 0, "Dropout in training mode is random");
  }
  const Value<Scalar>& x = call.input(0);
  std::vector<Value<Scalar>> results = single(x);
  results.push_back(Value<Scalar>::boolean(x.shape, std::vector<std::uint8_t>(x.size(), 1)));
  return results;
}

/// All axes before `axis` become the first, the others the second.
template <class Scalar>
std::vector<Value<Scalar>> flatten(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  std::int64_t axis = int_attribute(call, "axis", 1);
  if (axis < 0) axis += rank(x.shape);
  require(axis >= 0 && axis <= rank(x.shape), "the axis of Flatten is outside the shape");
  const auto middle = x.shape.begin() + axis;
  const auto product = [](auto begin, auto end) {
    return std::accumulate(begin, end, std::int64_t{1}, std::multiplies<>{});
  };
  return single(reshaped(x, {product(x.shape.begin(), middle), product(middle, x.shape.end())}));
}

/// 0 keeps an extent (unless allowzero), -1 takes what is left.
template <class Scalar>
std::vector<Value<Scalar>> reshape(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  Shape shape = call.input(1).integers();
  const bool allow_zero = int_attribute(call, "allowzero", 0) != 0;
  std::int64_t known = 1;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !allow_zero) {
      require(i < x.shape.size(), "Reshape keeps an axis that is not there");
      shape[i] = x.shape[i];
    }
    if (shape[i] == -1) {
      require(!open, "Reshape leaves two axes open");
      open = i;
    } else {
      require(shape[i] >= 0, "Reshape asks for a negative extent");
      known *= shape[i];
    }
  }
  if (open) {
    require(known > 0 && static_cast<std::int64_t>(x.size()) % known == 0,
            "Reshape cannot find the open axis");
    shape[*open] = static_cast<std::int64_t>(x.size()) / known;
  }
  return single(reshaped(x, std::move(shape)));
}

template <class Scalar>
std::vector<Value<Scalar>> squeeze(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const std::optional<Integers> axes = integers_of(call, 1, "axes");
  std::vector<std::size_t> removed;
  if (axes) removed = normalize_axes(*axes, x.shape.size());
  Shape shape;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    const bool remove = axes ? std::ranges::binary_search(removed, i) : x.shape[i] == 1;
    if (!remove) shape.push_back(x.shape[i]);
    require(!remove || x.shape[i] == 1, "Squeeze removes an axis longer than 1");
  }
  return single(reshaped(x, std::move(shape)));
}

template <class Scalar>
std::vector<Value<Scalar>> unsqueeze(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Integers axes = integers_of(call, 1, "axes").value_or(Integers{});
  const auto added = normalize_axes(axes, x.shape.size() + axes.size());
  Shape shape = x.shape;
  for (const std::size_t axis : added)
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  return single(reshaped(x, std::move(shape)));
}

/// y[i_perm0, i_perm1, ...] = x[i_0, i_1, ...]
template <class Scalar>
std::vector<Value<Scalar>> transpose(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  Integers permutation(x.shape.size());
  std::iota(permutation.rbegin(), permutation.rend(), 0);
  permutation = call.node.template attribute<Integers>("perm", permutation);
  require(normalize_axes(permutation, x.shape.size()).size() == x.shape.size(),
          "the permutation does not have every axis once");
  const Shape strides = strides_of(x.shape);
  Shape shape;
  Shape moved;
  for (const std::int64_t axis : permutation) {
    shape.push_back(x.shape[normalize_axis(axis, x.shape.size())]);
    moved.push_back(strides[normalize_axis(axis, x.shape.size())]);
  }
  return single(pick(x, shape, [&](const Shape& index) { return offset_of(index, moved); }));
}

template <class Scalar>
std::vector<Value<Scalar>> concat(const Call<Scalar>& call) {
  const Value<Scalar>& first = call.input(0);
  const std::size_t axis = normalize_axis(int_attribute(call, "axis", 1), first.shape.size());
  Shape shape = first.shape;
  shape[axis] = 0;
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    Shape other = call.input(i).shape;
    require(other.size() == shape.size(), "Concat of tensors of different rank");
    shape[axis] += other[axis];
    other[axis] = first.shape[axis];
    require(other == first.shape, "Concat of tensors that differ along another axis");
  }
  const AxisView whole = view_along(shape, axis);
  return single(make_like(first, shape, [&](const auto& kind, auto& to) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
      const auto& from = same_kind(call.input(i), kind);
      const std::size_t extent = at(call.input(i).shape[axis]);
      for (std::size_t o = 0; o < whole.outer; ++o) {
        std::copy_n(
            from.begin() + static_cast<std::ptrdiff_t>(o * extent * whole.inner),
            extent * whole.inner,
            to.begin() + static_cast<std::ptrdiff_t>((o * whole.extent + begin) * whole.inner));
      }
      begin += extent;
    }
  }));
}

/// Parts by a list, by a number of parts, or (old) as many as there are outputs.
template <class Scalar>
std::vector<Value<Scalar>> split(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const std::size_t axis = normalize_axis(int_attribute(call, "axis", 0), x.shape.size());
  const std::int64_t extent = x.shape[axis];
  Integers parts = integers_of(call, 1, "split").value_or(Integers{});
  if (parts.empty()) {
    const auto outputs = static_cast<std::int64_t>(call.node.outputs.size());
    const std::int64_t number = int_attribute(call, "num_outputs", outputs);
    require(number > 0, "Split into no parts");
    const std::int64_t length = (extent + number - 1) / number;  // the last one may be shorter
    for (std::int64_t i = 0; i < number; ++i) {
      parts.push_back(std::clamp<std::int64_t>(extent - i * length, 0, length));
    }
  }
  require(std::ranges::all_of(parts, [](std::int64_t p) { return p >= 0; }) &&
              std::accumulate(parts.begin(), parts.end(), std::int64_t{0}) == extent,
          "the parts of Split do not make up the axis");
  std::vector<Value<Scalar>> results;
  std::int64_t begin = 0;
  const Shape strides = strides_of(x.shape);
  for (const std::int64_t part : parts) {
    Shape shape = x.shape;
    shape[axis] = part;
    results.push_back(pick(x, shape, [&](const Shape& index) {
      return offset_of(index, strides) + begin * strides[axis];
    }));
    begin += part;
  }
  return results;
}

/// x[start:end:step] along some axes; negative numbers count from the end, steps may be negative.
template <class Scalar>
std::vector<Value<Scalar>> slice(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const auto starts = integers_of(call, 1, "starts");
  const auto ends = integers_of(call, 2, "ends");
  require(starts && ends && starts->size() == ends->size(), "Slice needs as many ends as starts");
  Integers axes(starts->size());
  std::iota(axes.begin(), axes.end(), 0);
  axes = integers_of(call, 3, "axes").value_or(axes);
  const Integers steps = integers_of(call, 4, "steps").value_or(Integers(starts->size(), 1));
  require(axes.size() == starts->size() && steps.size() == starts->size(),
          "Slice needs as many axes and steps as starts");
  Shape shape = x.shape;
  Shape first(x.shape.size(), 0);
  Shape stride = strides_of(x.shape);
  const Shape own = stride;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = normalize_axis(axes[i], x.shape.size());
    const std::int64_t extent = x.shape[axis];
    const std::int64_t step = steps[i];
    require(step != 0, "Slice with step 0");
    const auto from_end = [&](std::int64_t p) { return p < 0 ? p + extent : p; };
    const std::int64_t low = step > 0 ? 0 : -1;
    const std::int64_t high = step > 0 ? extent : extent - 1;
    const std::int64_t start = std::clamp(from_end((*starts)[i]), low, high);
    const std::int64_t end = std::clamp(from_end((*ends)[i]), low, high);
    const std::int64_t span = step > 0 ? end - start : start - end;
    const auto wide_step = static_cast<std::uint64_t>(step);
    const std::uint64_t magnitude = step > 0 ? wide_step : 0 - wide_step;
    const auto last = static_cast<std::uint64_t>(span - 1) / magnitude;
    shape[axis] = span <= 0 ? 0 : static_cast<std::int64_t>(last) + 1;
    first[axis] = std::max<std::int64_t>(start, 0);
    stride[axis] = own[axis] * (shape[axis] > 1 ? step : 1);
  }
  const std::int64_t origin = offset_of(first, own);
  return single(
      pick(x, shape, [&](const Shape& index) { return origin + offset_of(index, stride); }));
}

/// Index inside [0, extent) that position p of a padded axis shows; -1: the constant.
std::int64_t padded_source(std::int64_t p, std::int64_t extent, const std::string& mode) {
  if (p >= 0 && p < extent) return p;
  if (mode == "constant") return -1;
  require(extent > 0, "an empty axis is padded with its own elements");
  if (mode == "edge") return std::clamp<std::int64_t>(p, 0, extent - 1);
  if (mode == "wrap") return ((p % extent) + extent) % extent;
  require(mode == "reflect", "Pad has an unknown mode");
  if (extent == 1) return 0;
  const std::int64_t period = 2 * (extent - 1);
  const std::int64_t q = ((p % period) + period) % period;
  return q < extent ? q : period - q;
}

template <class Scalar>
std::vector<Value<Scalar>> pad(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Integers pads = integers_of(call, 1, "pads").value_or(Integers{});
  const std::string mode = string_attribute(call, "mode", "constant");
  std::vector<std::size_t> axes(x.shape.size());
  std::iota(axes.begin(), axes.end(), std::size_t{0});
  if (call.has(3)) {
    axes.clear();
    for (const std::int64_t axis : call.input(3).integers())
      axes.push_back(normalize_axis(axis, x.shape.size()));
  }
  require(pads.size() == 2 * axes.size(), "Pad needs two numbers an axis");
  Shape before(x.shape.size(), 0);
  Shape shape = x.shape;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    before[axes[i]] = pads[i];
    shape[axes[i]] += pads[i] + pads[i + axes.size()];
    require(shape[axes[i]] >= 0, "Pad removes more than there is");
  }
  const Shape strides = strides_of(x.shape);
  return single(make_like(x, shape, [&](const auto& from, auto& to) {
    typename std::decay_t<decltype(from)>::value_type fill{0};
    if (call.has(2)) {
      fill = same_kind(call.input(2), from).at(0);
    } else if constexpr (std::is_same_v<std::decay_t<decltype(from)>, std::vector<Scalar>>) {
      fill = float_attribute(call, "value", 0);
    }
    for_each_index(shape, [&](std::size_t i, const Shape& index) {
      std::int64_t offset = 0;
      for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        const std::int64_t p = padded_source(index[axis] - before[axis], x.shape[axis], mode);
        if (p < 0) {
          to[i] = fill;
          return;
        }
        offset += p * strides[axis];
      }
      to[i] = from[at(offset)];
    });
  }));
}

template <class Scalar>
std::vector<Value<Scalar>> expand(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Shape shape = broadcast_shape(x.shape, call.input(1).integers());
  const Shape strides = broadcast_strides(x.shape, shape);
  return single(pick(x, shape, [&](const Shape& index) { return offset_of(index, strides); }));
}

template <class Scalar>
std::vector<Value<Scalar>> tile(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Integers& repeats = call.input(1).integers();
  require(repeats.size() == x.shape.size(), "Tile needs one number an axis");
  Shape shape = x.shape;
  for (std::size_t i = 0; i < shape.size(); ++i) shape[i] *= repeats[i];
  const Shape strides = strides_of(x.shape);
  return single(pick(x, shape, [&](const Shape& index) {
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < index.size(); ++i) offset += index[i] % x.shape[i] * strides[i];
    return offset;
  }));
}

/// (N, C, H, W) -> (N, C / b^2, H b, W b); DCR: depth-column-row, CRD: column-row-depth order.
template <class Scalar>
std::vector<Value<Scalar>> depth_to_space(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const std::int64_t b = int_attribute(call, "blocksize", 1);
  require(x.shape.size() == 4 && b > 0 && x.shape[1] % (b * b) == 0,
          "DepthToSpace of such a shape");
  const bool crd = string_attribute(call, "mode", "DCR") == "CRD";
  const std::int64_t depth = x.shape[1] / (b * b);
  const Shape strides = strides_of(x.shape);
  const Shape shape{x.shape[0], depth, x.shape[2] * b, x.shape[3] * b};
  return single(pick(x, shape, [&](const Shape& i) {
    const std::int64_t block = i[2] % b * b + i[3] % b;
    const std::int64_t channel = crd ? i[1] * b * b + block : block * depth + i[1];
    return offset_of({i[0], channel, i[2] / b, i[3] / b}, strides);
  }));
}

/// The inverse of DepthToSpace, in either order (CRD since opset 28).
template <class Scalar>
std::vector<Value<Scalar>> space_to_depth(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const std::int64_t b = int_attribute(call, "blocksize", 1);
  require(x.shape.size() == 4 && b > 0 && x.shape[2] % b == 0 && x.shape[3] % b == 0,
          "SpaceToDepth of such a shape");
  const bool crd = string_attribute(call, "mode", "DCR") == "CRD";
  const std::int64_t depth = x.shape[1];
  const Shape strides = strides_of(x.shape);
  const Shape shape{x.shape[0], depth * b * b, x.shape[2] / b, x.shape[3] / b};
  return single(pick(x, shape, [&](const Shape& i) {
    const std::int64_t block = crd ? i[1] % (b * b) : i[1] / depth;
    const std::int64_t channel = crd ? i[1] / (b * b) : i[1] % depth;
    return offset_of({i[0], channel, i[2] * b + block / b, i[3] * b + block % b}, strides);
  }));
}

/// The first sequence_lens[n] elements along the time axis in reverse order.
template <class Scalar>
std::vector<Value<Scalar>> reverse_sequence(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Integers& lengths = call.input(1).integers();
  const std::size_t time = normalize_axis(int_attribute(call, "time_axis", 0), x.shape.size());
  const std::size_t batch = normalize_axis(int_attribute(call, "batch_axis", 1), x.shape.size());
  require(static_cast<std::int64_t>(lengths.size()) == x.shape[batch],
          "one length a batch entry is needed");
  const Shape strides = strides_of(x.shape);
  return single(pick(x, x.shape, [&](Shape index) {
    const std::int64_t length = lengths[at(index[batch])];
    require(length <= x.shape[time], "a sequence is longer than its axis");
    if (index[time] < length) index[time] = length - 1 - index[time];
    return offset_of(index, strides);
  }));
}

/// Lower or upper triangle of the last two axes; k shifts the diagonal.
template <class Scalar>
std::vector<Value<Scalar>> triangle(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  require(x.shape.size() >= 2, "Trilu of a vector");
  const bool upper = int_attribute(call, "upper", 1) != 0;
  const std::int64_t k = call.has(1) ? call.input(1).integers().at(0) : 0;
  return single(make_like(x, x.shape, [&](const auto& from, auto& to) {
    for_each_index(x.shape, [&](std::size_t i, const Shape& index) {
      const std::int64_t distance = index.back() - index[index.size() - 2];
      if (upper ? distance >= k : distance <= k) to[i] = from[i];
    });
  }));
}

}  // namespace

template <class Scalar>
void add_movement_operators(KernelTable<Scalar>& table) {
  table["Identity"] = identity<Scalar>;
  table["Dropout"] = dropout<Scalar>;
  table["Flatten"] = flatten<Scalar>;
  table["Reshape"] = reshape<Scalar>;
  table["Squeeze"] = squeeze<Scalar>;
  table["Unsqueeze"] = unsqueeze<Scalar>;
  table["Transpose"] = transpose<Scalar>;
  table["Concat"] = concat<Scalar>;
  table["Split"] = split<Scalar>;
  table["Slice"] = slice<Scalar>;
  table["Pad"] = pad<Scalar>;
  table["Expand"] = expand<Scalar>;
  table["Tile"] = tile<Scalar>;
  table["DepthToSpace"] = depth_to_space<Scalar>;
  table["SpaceToDepth"] = space_to_depth<Scalar>;
  table["ReverseSequence"] = reverse_sequence<Scalar>;
  table["Trilu"] = triangle<Scalar>;
}

template void add_movement_operators(KernelTable<double>&);
template void add_movement_operators(KernelTable<float>&);

}  // namespace moliere::reference
