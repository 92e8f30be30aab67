// SPDX-License-Identifier: Apache-2.0
#include "moliere/onnx/shape_rules.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

namespace moliere::onnx {
namespace {

using Integers = std::vector<std::int64_t>;
using Results = std::vector<ValueShape>;

std::int64_t rank(const Shape& shape) { return static_cast<std::int64_t>(shape.size()); }

/// Products and sums of extents from a hostile file may not overflow.
std::int64_t times(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) throw_contradiction("an extent is larger than 2^63");
  return result;
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) throw_contradiction("an extent is larger than 2^63");
  return result;
}

DataType type_from_number(std::int64_t number) {
  static const std::map<std::int64_t, DataType> types{
      {1, DataType::float32},  {2, DataType::uint8},   {3, DataType::int8},
      {4, DataType::uint16},   {5, DataType::int16},   {6, DataType::int32},
      {7, DataType::int64},    {9, DataType::boolean}, {10, DataType::float16},
      {11, DataType::float64}, {12, DataType::uint32}, {13, DataType::uint64},
      {16, DataType::bfloat16}};
  const auto found = types.find(number);
  if (found == types.end()) throw UnknownShape{fmt::format("element type {}", number)};
  return found->second;
}

Results same_as_first(const ShapeCall& call) { return {call.input(0)}; }

Results broadcast_all(const ShapeCall& call) {
  ValueShape result = call.input(0);
  for (std::size_t i = 1; i < call.inputs.size(); ++i) {
    if (call.node.inputs[i].empty()) continue;
    result.shape = broadcast(result.shape, call.input(i).shape);
  }
  return {result};
}

Results comparison(const ShapeCall& call) {
  return {{DataType::boolean, broadcast(call.input(0).shape, call.input(1).shape)}};
}

Results boolean_of_first(const ShapeCall& call) {
  return {{DataType::boolean, call.input(0).shape}};
}

Results where(const ShapeCall& call) {
  return {{call.input(1).type,
           broadcast(call.input(0).shape, broadcast(call.input(1).shape, call.input(2).shape))}};
}

Results dropout(const ShapeCall& call) {
  return {call.input(0), {DataType::boolean, call.input(0).shape}};
}

Results cast(const ShapeCall& call) {
  return {{type_from_number(call.attribute("to", 0)), call.input(0).shape}};
}

Results cast_like(const ShapeCall& call) { return {{call.input(1).type, call.input(0).shape}}; }

// Movement

Results flatten(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  std::int64_t axis = call.attribute("axis", 1);
  if (axis < 0) axis += rank(x.shape);
  if (axis < 0 || axis > rank(x.shape))
    throw_contradiction("the axis of Flatten is outside the shape");
  const auto middle = x.shape.begin() + axis;
  return {{x.type,
           {element_count(Shape(x.shape.begin(), middle)),
            element_count(Shape(middle, x.shape.end()))}}};
}

Results reshape(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  Shape shape = call.integers(1);
  const bool allow_zero = call.attribute("allowzero", 0) != 0;
  std::int64_t known = 1;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !allow_zero) {
      if (i >= x.shape.size()) throw_contradiction("Reshape keeps an axis that is not there");
      shape[i] = x.shape[i];
    }
    if (shape[i] == -1 && !open) {
      open = i;
    } else if (shape[i] < 0) {
      throw_contradiction("Reshape asks for a negative extent");
    } else {
      known = times(known, shape[i]);
    }
  }
  const std::int64_t total = element_count(x.shape);
  if (open) {
    if (known == 0 || total % known != 0) throw_contradiction("Reshape cannot find the open axis");
    shape[*open] = total / known;
    known = times(known, shape[*open]);
  }
  if (known != total) {
    throw_contradiction(fmt::format("{} is reshaped to {}", to_string(x.shape), to_string(shape)));
  }
  return {{x.type, shape}};
}

Results squeeze(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  const auto axes = call.list(1, "axes");
  std::vector<bool> remove(x.shape.size());
  for (std::size_t i = 0; i < remove.size(); ++i) remove[i] = !axes && x.shape[i] == 1;
  for (const std::int64_t axis : axes.value_or(Integers{})) {
    const std::size_t i = normalize_axis(axis, x.shape.size());
    if (x.shape[i] != 1) throw_contradiction("Squeeze removes an axis longer than 1");
    remove[i] = true;
  }
  Shape shape;
  for (std::size_t i = 0; i < remove.size(); ++i) {
    if (!remove[i]) shape.push_back(x.shape[i]);
  }
  return {{x.type, shape}};
}

Results unsqueeze(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  Integers axes = call.list(1, "axes").value_or(Integers{});
  for (std::int64_t& axis : axes) {
    axis = static_cast<std::int64_t>(normalize_axis(axis, x.shape.size() + axes.size()));
  }
  std::ranges::sort(axes);
  if (std::ranges::adjacent_find(axes) != axes.end())
    throw_contradiction("Unsqueeze adds an axis twice");
  Shape shape = x.shape;
  for (const std::int64_t axis : axes) {
    shape.insert(shape.begin() + axis, 1);
  }
  return {{x.type, shape}};
}

Results transpose(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  Integers permutation(x.shape.size());
  std::iota(permutation.rbegin(), permutation.rend(), 0);
  permutation = call.node.attribute<Integers>("perm", permutation);
  if (permutation.size() != x.shape.size())
    throw_contradiction("the permutation has the wrong length");
  Shape shape;
  for (const std::int64_t axis : permutation)
    shape.push_back(x.shape[normalize_axis(axis, x.shape.size())]);
  return {{x.type, shape}};
}

Results concat(const ShapeCall& call) {
  ValueShape result = call.input(0);
  const std::size_t axis = normalize_axis(call.attribute("axis", 1), result.shape.size());
  for (std::size_t i = 1; i < call.inputs.size(); ++i) {
    Shape other = call.input(i).shape;
    if (other.size() != result.shape.size())
      throw_contradiction("Concat of tensors of different rank");
    const std::int64_t extent = other[axis];
    other[axis] = result.shape[axis];
    if (other != result.shape)
      throw_contradiction("Concat of tensors that differ along another axis");
    result.shape[axis] = plus(result.shape[axis], extent);
  }
  return {result};
}

Results split(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  const std::size_t axis = normalize_axis(call.attribute("axis", 0), x.shape.size());
  Integers parts = call.list(1, "split").value_or(Integers{});
  if (parts.empty()) {
    const auto outputs = static_cast<std::int64_t>(call.node.outputs.size());
    const std::int64_t number = call.attribute("num_outputs", outputs);
    if (number != outputs) throw_contradiction("Split has another number of outputs than parts");
    const std::int64_t length = (x.shape[axis] + number - 1) / number;
    for (std::int64_t i = 0; i < number; ++i) {
      parts.push_back(std::clamp<std::int64_t>(x.shape[axis] - i * length, 0, length));
    }
  }
  std::int64_t total = 0;
  for (const std::int64_t part : parts) total = plus(total, part);
  if (total != x.shape[axis]) throw_contradiction("the parts of Split are not the whole axis");
  Results results;
  for (const std::int64_t part : parts) {
    results.push_back(x);
    results.back().shape[axis] = part;
  }
  return results;
}

/// Number of elements of [start : end : step] along an axis.
std::int64_t slice_length(std::int64_t extent, std::int64_t start, std::int64_t end,
                          std::int64_t step) {
  if (step == 0) throw_contradiction("Slice with step 0");
  const auto from_end = [&](std::int64_t p) { return p < 0 ? p + extent : p; };
  const std::int64_t low = step > 0 ? 0 : -1;
  const std::int64_t high = step > 0 ? extent : extent - 1;
  if (high < low) return 0;
  start = std::clamp(from_end(start), low, high);
  end = std::clamp(from_end(end), low, high);
  const std::int64_t span = step > 0 ? end - start : start - end;
  if (span <= 0) return 0;
  const auto wide = static_cast<std::uint64_t>(step);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(span - 1) /
                                   (step > 0 ? wide : 0 - wide)) +
         1;
}

Results slice(const ShapeCall& call) {
  ValueShape result = call.input(0);
  const auto starts = call.list(1, "starts");
  const auto ends = call.list(2, "ends");
  if (!starts || !ends || starts->size() != ends->size())
    throw_contradiction("Slice without starts or ends");
  Integers axes(starts->size());
  std::iota(axes.begin(), axes.end(), 0);
  axes = call.list(3, "axes").value_or(axes);
  const Integers steps = call.list(4, "steps").value_or(Integers(starts->size(), 1));
  if (axes.size() != starts->size() || steps.size() != starts->size()) {
    throw_contradiction("Slice with lists of different length");
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = normalize_axis(axes[i], result.shape.size());
    result.shape[axis] = slice_length(result.shape[axis], (*starts)[i], (*ends)[i], steps[i]);
  }
  return {result};
}

Results pad(const ShapeCall& call) {
  ValueShape result = call.input(0);
  const Integers pads = call.list(1, "pads").value_or(Integers{});
  Integers axes(result.shape.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (call.node.inputs.size() > 3 && !call.node.inputs[3].empty()) axes = call.integers(3);
  if (pads.size() != 2 * axes.size()) throw_contradiction("Pad needs two numbers an axis");
  for (std::size_t i = 0; i < axes.size(); ++i) {
    std::int64_t& extent = result.shape[normalize_axis(axes[i], result.shape.size())];
    extent = plus(extent, plus(pads[i], pads[i + axes.size()]));
  }
  return {result};
}

Results expand(const ShapeCall& call) {
  return {{call.input(0).type, broadcast(call.input(0).shape, call.integers(1))}};
}

Results tile(const ShapeCall& call) {
  ValueShape result = call.input(0);
  const Integers& repeats = call.integers(1);
  if (repeats.size() != result.shape.size()) throw_contradiction("Tile needs one number an axis");
  for (std::size_t i = 0; i < repeats.size(); ++i)
    result.shape[i] = times(result.shape[i], repeats[i]);
  return {result};
}

Results depth_to_space(const ShapeCall& call) {
  const Shape& x = call.input(0).shape;
  const std::int64_t b = call.attribute("blocksize", 1);
  if (x.size() != 4 || b < 1 || b > 1 << 20) throw_contradiction("DepthToSpace of such a shape");
  return {{call.input(0).type, {x[0], x[1] / (b * b), times(x[2], b), times(x[3], b)}}};
}

Results space_to_depth(const ShapeCall& call) {
  const Shape& x = call.input(0).shape;
  const std::int64_t b = call.attribute("blocksize", 1);
  if (x.size() != 4 || b < 1 || b > 1 << 20) throw_contradiction("SpaceToDepth of such a shape");
  return {{call.input(0).type, {x[0], times(x[1], b * b), x[2] / b, x[3] / b}}};
}

// Gather and scatter

Results gather(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  const Shape& indices = call.input(1).shape;
  const auto axis =
      static_cast<std::ptrdiff_t>(normalize_axis(call.attribute("axis", 0), x.shape.size()));
  Shape shape(x.shape.begin(), x.shape.begin() + axis);
  shape.insert(shape.end(), indices.begin(), indices.end());
  shape.insert(shape.end(), x.shape.begin() + axis + 1, x.shape.end());
  return {{x.type, shape}};
}

Results gather_elements(const ShapeCall& call) {
  return {{call.input(0).type, call.input(1).shape}};
}

Results gather_nd(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  const Shape& indices = call.input(1).shape;
  if (indices.empty()) throw_contradiction("GatherND without index tuples");
  const std::int64_t skipped = plus(call.attribute("batch_dims", 0), indices.back());
  if (skipped < 0 || skipped > rank(x.shape))
    throw_contradiction("the index tuples are longer than the data's rank");
  Shape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), x.shape.begin() + skipped, x.shape.end());
  return {{x.type, shape}};
}

Results one_hot(const ShapeCall& call) {
  Shape shape = call.input(0).shape;
  const std::vector<double> depth = call.numbers(1);
  if (depth.size() != 1 || !(depth[0] >= 0 && depth[0] < 0x1p62))
    throw_contradiction("OneHot needs one depth");
  const auto axis = normalize_axis(call.attribute("axis", -1), shape.size() + 1);
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis),
               static_cast<std::int64_t>(depth[0]));
  return {{call.input(2).type, shape}};
}

// Generators

Results constant(const ShapeCall& call) {
  const Node& node = call.node;
  const auto has = [&](const char* name) { return node.find_attribute(name) != nullptr; };
  if (has("value")) {
    const Tensor value = node.attribute("value", Tensor());
    return {{value.type(), value.shape()}};
  }
  if (has("value_int")) return {{DataType::int64, {}}};
  if (has("value_float")) return {{DataType::float32, {}}};
  if (has("value_ints")) {
    return {{DataType::int64, {rank(node.attribute("value_ints", Integers{}))}}};
  }
  if (has("value_floats")) {
    const auto list = node.attribute("value_floats", std::vector<double>{});
    return {{DataType::float32, {static_cast<std::int64_t>(list.size())}}};
  }
  throw UnknownShape{"a constant that is no tensor of numbers"};
}

Results constant_of_shape(const ShapeCall& call) {
  const Tensor fill = call.node.attribute("value", Tensor(DataType::float32, {1}));
  return {{fill.type(), call.integers(0)}};
}

Results shape_of(const ShapeCall& call) {
  const std::int64_t size = rank(call.input(0).shape);
  const auto position = [&](std::int64_t axis) {
    return std::clamp<std::int64_t>(axis < 0 ? axis + size : axis, 0, size);
  };
  const std::int64_t start = position(call.attribute("start", 0));
  const std::int64_t end = position(call.attribute("end", size));
  return {{DataType::int64, {std::max<std::int64_t>(end - start, 0)}}};
}

Results size_of_input(const ShapeCall& call) {
  call.input(0);
  return {{DataType::int64, {}}};
}

/// ceil((limit - start) / delta)
Results range(const ShapeCall& call) {
  std::array<double, 3> numbers{};  // start, limit, delta
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::vector<double> number = call.numbers(i);
    if (number.size() != 1) throw_contradiction("Range needs three numbers");
    numbers[i] = number[0];
  }
  const double length = std::ceil((numbers[1] - numbers[0]) / numbers[2]);
  if (!(length <= 0x1p62)) throw_contradiction("Range of such a step");
  return {{call.input(0).type, {static_cast<std::int64_t>(std::max(length, 0.0))}}};
}

// Reductions

Results reduce_over(const ValueShape& x, const Integers& axes, bool keep, DataType type) {
  std::vector<bool> reduced(x.shape.size());
  for (const std::int64_t axis : axes) reduced[normalize_axis(axis, x.shape.size())] = true;
  Shape shape;
  for (std::size_t i = 0; i < reduced.size(); ++i) {
    if (!reduced[i]) shape.push_back(x.shape[i]);
    if (reduced[i] && keep) shape.push_back(1);
  }
  return {{type, shape}};
}

Results reduce(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  Integers axes = call.list(1, "axes").value_or(Integers{});
  if (axes.empty()) {
    if (call.attribute("noop_with_empty_axes", 0) != 0) return {x};
    axes.resize(x.shape.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  return reduce_over(x, axes, call.attribute("keepdims", 1) != 0, x.type);
}

Results extreme_index(const ShapeCall& call) {
  return reduce_over(call.input(0), {call.attribute("axis", 0)}, call.attribute("keepdims", 1) != 0,
                     DataType::int64);
}

Results top_k(const ShapeCall& call) {
  ValueShape values = call.input(0);
  const auto k = call.node.inputs.size() > 1 ? call.integers(1) : Integers{call.attribute("k", 0)};
  if (k.size() != 1 || k[0] < 0) throw_contradiction("TopK needs a number of elements");
  values.shape[normalize_axis(call.attribute("axis", -1), values.shape.size())] = k[0];
  return {values, {DataType::int64, values.shape}};
}

// Linear algebra

Results gemm(const ShapeCall& call) {
  const ValueShape& a = call.input(0);
  const ValueShape& b = call.input(1);
  if (a.shape.size() != 2 || b.shape.size() != 2)
    throw_contradiction("Gemm of something that is no matrix");
  const bool trans_a = call.attribute("transA", 0) != 0;
  const bool trans_b = call.attribute("transB", 0) != 0;
  if (a.shape[trans_a ? 0 : 1] != b.shape[trans_b ? 1 : 0]) {
    throw_contradiction(fmt::format("Gemm of {} and {}", to_string(a.shape), to_string(b.shape)));
  }
  return {{a.type, {a.shape[trans_a ? 1 : 0], b.shape[trans_b ? 0 : 1]}}};
}

Results matmul(const ShapeCall& call) {
  Shape a = call.input(0).shape;
  Shape b = call.input(1).shape;
  if (a.empty() || b.empty()) throw_contradiction("MatMul of a scalar");
  const bool vector_a = a.size() == 1;
  const bool vector_b = b.size() == 1;
  if (vector_a) a.insert(a.begin(), 1);
  if (vector_b) b.push_back(1);
  if (a.back() != b[b.size() - 2]) {
    throw_contradiction(fmt::format("MatMul of {} and {}", to_string(a), to_string(b)));
  }
  Shape shape = broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  if (!vector_a) shape.push_back(a[a.size() - 2]);
  if (!vector_b) shape.push_back(b.back());
  return {{call.input(0).type, shape}};
}

Results einsum(const ShapeCall& call) {
  std::string equation = call.node.attribute<std::string>("equation", "");
  std::erase(equation, ' ');
  const std::size_t arrow = equation.find("->");
  std::map<char, std::int64_t> extents;
  std::map<char, int> uses;
  Shape ellipsis;
  std::size_t begin = 0;
  const std::string left = equation.substr(0, arrow);
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    const std::size_t comma = std::min(left.find(',', begin), left.size());
    const std::string term = begin <= left.size() ? left.substr(begin, comma - begin) : "";
    begin = comma + 1;
    const Shape& shape = call.input(i).shape;
    const std::size_t dots = term.find("...");
    const std::size_t letters = term.size() - (dots == std::string::npos ? 0 : 3);
    if (letters > shape.size() || (dots == std::string::npos && letters != shape.size())) {
      throw_contradiction("Einsum's equation does not fit its inputs");
    }
    std::size_t axis = 0;
    for (std::size_t p = 0; p < term.size(); ++p) {
      if (p == dots) {
        const std::size_t covered = shape.size() - letters;
        ellipsis =
            broadcast(ellipsis, Shape(shape.begin() + static_cast<std::ptrdiff_t>(axis),
                                      shape.begin() + static_cast<std::ptrdiff_t>(axis + covered)));
        axis += covered;
        p += 2;
        continue;
      }
      std::int64_t& extent = extents[term[p]];
      ++uses[term[p]];
      extent = std::max(extent, shape[axis++]);
    }
  }
  Shape shape;
  if (arrow == std::string::npos) {
    shape = ellipsis;
    for (const auto& [letter, number] : uses) {
      if (number == 1) shape.push_back(extents[letter]);
    }
    return {{call.input(0).type, shape}};
  }
  const std::string right = equation.substr(arrow + 2);
  for (std::size_t p = 0; p < right.size(); ++p) {
    if (right[p] == '.') {
      shape.insert(shape.end(), ellipsis.begin(), ellipsis.end());
      p += 2;
    } else {
      shape.push_back(extents[right[p]]);
    }
  }
  return {{call.input(0).type, shape}};
}

// Windows

struct Window {
  Integers kernel, strides, dilations, pads;
};

Window window_of(const ShapeCall& call, Integers kernel) {
  const std::size_t size = kernel.size();
  Window window{.kernel = std::move(kernel)};
  window.strides = call.node.attribute<Integers>("strides", Integers(size, 1));
  window.dilations = call.node.attribute<Integers>("dilations", Integers(size, 1));
  window.pads = call.node.attribute<Integers>("pads", Integers(2 * size, 0));
  // Small enough that no sum or product of two of them overflows.
  constexpr std::int64_t limit = std::int64_t{1} << 31;
  const auto positive = [](const Integers& list) {
    return std::ranges::all_of(list, [](std::int64_t v) { return v > 0 && v < limit; });
  };
  const bool small_pads =
      std::ranges::all_of(window.pads, [](std::int64_t v) { return v > -limit && v < limit; });
  if (window.strides.size() != size || window.dilations.size() != size ||
      window.pads.size() != 2 * size || !positive(window.strides) || !positive(window.dilations) ||
      !positive(window.kernel) || !small_pads) {
    throw_contradiction("a window whose kernel, strides, dilations or pads do not fit");
  }
  return window;
}

/// floor((x + pads - dilated kernel) / stride) + 1; auto_pad SAME: ceil(x / stride).
std::int64_t windows_along(const ShapeCall& call, const Window& window, std::size_t axis,
                           std::int64_t extent) {
  const auto auto_pad = call.node.attribute<std::string>("auto_pad", "NOTSET");
  const std::int64_t stride = window.strides[axis];
  if (auto_pad.starts_with("SAME")) return plus(extent, stride - 1) / stride;
  const std::int64_t kernel = plus(times(window.kernel[axis] - 1, window.dilations[axis]), 1);
  const std::int64_t pads =
      auto_pad == "VALID" ? 0 : plus(window.pads[axis], window.pads[axis + window.kernel.size()]);
  const std::int64_t room = plus(plus(extent, pads), -kernel);
  if (room < 0) throw_contradiction("a window that is larger than its padded input");
  const bool ceil_mode = call.attribute("ceil_mode", 0) != 0 && auto_pad != "VALID";
  if (!ceil_mode) return room / stride + 1;
  std::int64_t number = (room + stride - 1) / stride + 1;
  // The last window starts inside the input or its left padding.
  if ((number - 1) * stride >= extent + window.pads[axis]) --number;
  return number;
}

Results conv(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  const Shape& w = call.input(1).shape;
  if (x.shape.size() < 3 || w.size() != x.shape.size()) throw_contradiction("Conv of such shapes");
  const Window window = window_of(
      call, call.node.attribute<Integers>("kernel_shape", Integers(w.begin() + 2, w.end())));
  if (window.kernel != Integers(w.begin() + 2, w.end()))
    throw_contradiction("Conv whose kernel_shape is not its weights'");
  if (times(w[1], call.attribute("group", 1)) != x.shape[1])
    throw_contradiction("Conv whose channels do not fit");
  Shape shape{x.shape[0], w[0]};
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    shape.push_back(windows_along(call, window, i, x.shape[i + 2]));
  }
  return {{x.type, shape}};
}

/// stride (x - 1) + output_padding + dilated kernel - pads
Results conv_transpose(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  const Shape& w = call.input(1).shape;
  if (x.shape.size() < 3 || w.size() != x.shape.size())
    throw_contradiction("ConvTranspose of such shapes");
  const Window window = window_of(
      call, call.node.attribute<Integers>("kernel_shape", Integers(w.begin() + 2, w.end())));
  const std::size_t size = window.kernel.size();
  const auto output_padding = call.node.attribute<Integers>("output_padding", Integers(size, 0));
  const auto output_shape = call.node.attribute<Integers>("output_shape", Integers{});
  const auto auto_pad = call.node.attribute<std::string>("auto_pad", "NOTSET");
  if (output_padding.size() != size || (!output_shape.empty() && output_shape.size() < size)) {
    throw_contradiction("ConvTranspose with lists of different length");
  }
  Shape shape{x.shape[0], times(w[1], call.attribute("group", 1))};
  for (std::size_t i = 0; i < size; ++i) {
    if (!output_shape.empty()) {
      shape.push_back(output_shape[output_shape.size() - size + i]);
      continue;
    }
    if (auto_pad.starts_with("SAME")) {
      shape.push_back(times(x.shape[i + 2], window.strides[i]));
      continue;
    }
    const std::int64_t kernel = plus(times(window.kernel[i] - 1, window.dilations[i]), 1);
    const std::int64_t pads = auto_pad == "VALID" ? 0 : plus(window.pads[i], window.pads[i + size]);
    shape.push_back(
        plus(plus(times(window.strides[i], x.shape[i + 2] - 1), plus(output_padding[i], kernel)),
             -pads));
  }
  return {{x.type, shape}};
}

Results pool(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  const Window window = window_of(call, call.node.attribute<Integers>("kernel_shape", Integers{}));
  if (x.shape.size() != window.kernel.size() + 2)
    throw_contradiction("a pooling window of another rank");
  Shape shape{x.shape[0], x.shape[1]};
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    shape.push_back(windows_along(call, window, i, x.shape[i + 2]));
  }
  return {{x.type, shape}, {DataType::int64, shape}};
}

Results global_pool(const ShapeCall& call) {
  ValueShape result = call.input(0);
  for (std::size_t i = 2; i < result.shape.size(); ++i) result.shape[i] = 1;
  return {result};
}

// Normalisation, recurrence, attention

Results batch_normalization(const ShapeCall& call) {
  Results results{call.input(0)};
  for (std::size_t i = 1; i < call.node.outputs.size(); ++i) results.push_back(call.input(3));
  return results;
}

Results layer_normalization(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  ValueShape statistic = x;
  const std::size_t axis = normalize_axis(call.attribute("axis", -1), x.shape.size());
  for (std::size_t i = axis; i < x.shape.size(); ++i) statistic.shape[i] = 1;
  statistic.type = DataType::float32;
  return {x, statistic, statistic};
}

/// Y (L, D, N, H), Y_h (D, N, H), and Y_c for LSTM; with layout 1 the batch comes first.
Results recurrent(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  const Shape& r = call.input(2).shape;
  if (x.shape.size() != 3 || r.size() != 3) throw_contradiction("a recurrent layer of such shapes");
  const std::int64_t hidden = call.attribute("hidden_size", r[2]);
  const std::int64_t directions = r[0];
  if (call.attribute("layout", 0) != 0) {
    const std::int64_t n = x.shape[0];
    const ValueShape state{x.type, {n, directions, hidden}};
    return {{x.type, {n, x.shape[1], directions, hidden}}, state, state};
  }
  const std::int64_t n = x.shape[1];
  const ValueShape state{x.type, {directions, n, hidden}};
  return {{x.type, {x.shape[0], directions, n, hidden}}, state, state};
}

/// Sizes of Attention; Q, K, V are (B, heads, L, size) or (B, L, heads size).
struct AttentionSizes {
  std::int64_t heads, kv_heads, queries, keys, size, value_size;
};

AttentionSizes attention_sizes(const ShapeCall& call) {
  const Shape& q = call.input(0).shape;
  const Shape& k = call.input(1).shape;
  const Shape& v = call.input(2).shape;
  const bool same_rank = q.size() == k.size() && q.size() == v.size();
  if (!same_rank || (q.size() != 3 && q.size() != 4))
    throw_contradiction("Attention of such shapes");
  if (q.size() == 4) return {q[1], k[1], q[2], k[2], q[3], v[3]};
  const std::int64_t heads = call.attribute("q_num_heads", 0);
  const std::int64_t kv_heads = call.attribute("kv_num_heads", 0);
  if (heads < 1 || kv_heads < 1) throw_contradiction("Attention without its numbers of heads");
  return {heads, kv_heads, q[1], k[1], q[2] / heads, v[2] / kv_heads};
}

/// Y: as Q with the head size of V. present_key, present_value: the past with the new appended
/// (B, KV heads, L, size). The scores: (B, heads, queries, keys).
Results attention(const ShapeCall& call) {
  const ValueShape& q = call.input(0);
  const AttentionSizes sizes = attention_sizes(call);
  ValueShape y = q;
  y.shape.back() = q.shape.size() == 4 ? sizes.value_size : times(sizes.heads, sizes.value_size);
  std::int64_t keys = sizes.keys;
  if (call.has(4)) {
    if (call.input(4).shape.size() != 4) throw_contradiction("Attention with such a past");
    keys = plus(keys, call.input(4).shape[2]);
  }
  const std::int64_t batch = q.shape[0];
  return {y,
          {call.input(1).type, {batch, sizes.kv_heads, keys, sizes.size}},
          {call.input(2).type, {batch, sizes.kv_heads, keys, sizes.value_size}},
          {q.type, {batch, sizes.heads, sizes.queries, keys}}};
}

// Images

/// floor(extent scale), rounded to nearest where the aspect ratio is kept.
std::int64_t scaled(std::int64_t extent, double scale, double rounding = 0) {
  const double length = std::floor(static_cast<double>(extent) * scale + rounding);
  if (!(length >= 0 && length <= 0x1p62)) throw_contradiction("Resize by such a scale");
  return static_cast<std::int64_t>(length);
}

/// Resize, and Upsample, whose scales are the second input (opset 7: an attribute).
Results resize(const ShapeCall& call) {
  ValueShape result = call.input(0);
  Integers axes(result.shape.size());
  std::iota(axes.begin(), axes.end(), 0);
  axes = call.node.attribute<Integers>("axes", axes);
  const bool old = call.opset < 11 || call.node.op_type == "Upsample";
  const std::size_t scales_input = old ? 1 : 2;
  auto scales = call.node.attribute<std::vector<double>>("scales", {});
  if (call.has(scales_input)) scales = call.numbers(scales_input);
  double rounding = 0;
  if (scales.empty() && !old) {
    const Integers& sizes = call.integers(3);
    if (sizes.size() != axes.size()) throw_contradiction("Resize needs one size an axis");
    const auto policy = call.node.attribute<std::string>("keep_aspect_ratio_policy", "stretch");
    for (std::size_t i = 0; i < axes.size(); ++i) {
      std::int64_t& extent = result.shape[normalize_axis(axes[i], result.shape.size())];
      scales.push_back(static_cast<double>(sizes[i]) / static_cast<double>(extent));
      if (policy == "stretch") extent = sizes[i];
    }
    if (policy == "stretch" || axes.empty()) return {result};
    const auto [least, most] = std::ranges::minmax(scales);
    scales.assign(axes.size(), policy == "not_larger" ? least : most);
    rounding = 0.5;
  }
  if (scales.size() != axes.size()) throw_contradiction("Resize needs one scale an axis");
  for (std::size_t i = 0; i < axes.size(); ++i) {
    std::int64_t& extent = result.shape[normalize_axis(axes[i], result.shape.size())];
    extent = scaled(extent, scales[i], rounding);
  }
  return {result};
}

/// x (N, C, ...), grid (N, ..., number of axes) -> (N, C, ...)
Results grid_sample(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  const Shape& grid = call.input(1).shape;
  if (x.shape.size() < 3 || grid.size() != x.shape.size())
    throw_contradiction("GridSample of such shapes");
  Shape shape{x.shape[0], x.shape[1]};
  shape.insert(shape.end(), grid.begin() + 1, grid.end() - 1);
  return {{x.type, shape}};
}

/// x (N, C block, L) -> (N, C, image...)
Results col2im(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  const Integers& image = call.integers(1);
  std::int64_t block = 1;
  for (const std::int64_t extent : call.integers(2)) block = times(block, extent);
  if (x.shape.size() != 3 || block < 1) throw_contradiction("Col2Im of such shapes");
  Shape shape{x.shape[0], x.shape[1] / block};
  shape.insert(shape.end(), image.begin(), image.end());
  return {{x.type, shape}};
}

/// The inverse of MaxPool: stride (x - 1) + kernel - pads, or what the caller asks for.
Results max_unpool(const ShapeCall& call) {
  const ValueShape& x = call.input(0);
  if (call.node.inputs.size() > 2 && !call.node.inputs[2].empty())
    return {{x.type, call.integers(2)}};
  const Window window = window_of(call, call.node.attribute<Integers>("kernel_shape", Integers{}));
  const std::size_t size = window.kernel.size();
  if (x.shape.size() != size + 2) throw_contradiction("a pooling window of another rank");
  Shape shape{x.shape[0], x.shape[1]};
  for (std::size_t i = 0; i < size; ++i) {
    shape.push_back(plus(times(window.strides[i], x.shape[i + 2] - 1),
                         window.kernel[i] - window.pads[i] - window.pads[i + size]));
  }
  return {{x.type, shape}};
}

// Quantities of other types

/// The type of the zero point, or an attribute, or 8 bits.
Results quantize(const ShapeCall& call) {
  DataType type = DataType::uint8;
  if (call.attribute("output_dtype", 0) != 0)
    type = type_from_number(call.attribute("output_dtype", 0));
  if (call.node.inputs.size() > 2 && !call.node.inputs[2].empty()) type = call.input(2).type;
  return {{type, call.input(0).shape}};
}
Results dequantize(const ShapeCall& call) { return {{call.input(1).type, call.input(0).shape}}; }

Results matmul_integer(const ShapeCall& call) {
  Results results = matmul(call);
  results[0].type = DataType::int32;
  return results;
}

Results determinant(const ShapeCall& call) {
  ValueShape result = call.input(0);
  if (result.shape.size() < 2) throw_contradiction("Det of something that is no matrix");
  result.shape.resize(result.shape.size() - 2);
  return {result};
}

/// RandomNormalLike, RandomUniformLike, Bernoulli: as the input, in another type if asked for.
Results random_like(const ShapeCall& call) {
  ValueShape result = call.input(0);
  if (call.node.find_attribute("dtype") != nullptr)
    result.type = type_from_number(call.attribute("dtype", 1));
  return {result};
}
Results random(const ShapeCall& call) {
  return {{type_from_number(call.attribute("dtype", 1)),
           call.node.attribute<Integers>("shape", Integers{})}};
}

Results unknown_by_data(const ShapeCall&) {
  throw UnknownShape{"the shape of its output depends on data"};
}

}  // namespace

const ValueShape& ShapeCall::input(std::size_t index) const {
  if (!has(index)) {
    const std::string name = index < node.inputs.size() ? node.inputs[index] : "";
    if (name.empty()) throw_contradiction(fmt::format("input {} is missing", index));
    throw UnknownShape{fmt::format("the shape of '{}' is not known", name)};
  }
  return *inputs[index];
}

const std::vector<std::int64_t>& ShapeCall::integers(std::size_t index) const {
  if (!has_integers(index)) {
    const std::string name = index < node.inputs.size() ? node.inputs[index] : "";
    throw UnknownShape{fmt::format("the elements of '{}' depend on data", name)};
  }
  return known[index]->values;
}

std::vector<double> ShapeCall::numbers(std::size_t index) const {
  // A list of numbers for the axes; what is longer is data.
  const bool constant = index < constants.size() && constants[index] != nullptr &&
                        constants[index]->size() <= static_cast<std::int64_t>(2 * highest_rank);
  if (constant) return constants[index]->to_doubles();
  const std::vector<std::int64_t>& whole = integers(index);
  return {whole.begin(), whole.end()};
}

std::optional<std::vector<std::int64_t>> ShapeCall::list(std::size_t index,
                                                         const char* name) const {
  if (index < node.inputs.size() && !node.inputs[index].empty()) return integers(index);
  if (node.find_attribute(name) == nullptr) return std::nullopt;
  return node.attribute<Integers>(name, {});
}

void throw_contradiction(const std::string& problem) {
  throw Error(problem, "the graph contradicts itself",
              "check the shapes in the model, or --batch and --dim");
}

std::size_t normalize_axis(std::int64_t axis, std::size_t rank) {
  const auto extent = static_cast<std::int64_t>(rank);
  if (axis < -extent || axis >= extent) {
    throw_contradiction(fmt::format("axis {} of a tensor of rank {}", axis, rank));
  }
  return static_cast<std::size_t>(axis < 0 ? axis + extent : axis);
}

Shape broadcast(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::int64_t extent_a = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t extent_b = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (extent_a != extent_b && extent_a != 1 && extent_b != 1) {
      throw_contradiction(
          fmt::format("shapes {} and {} do not broadcast", to_string(a), to_string(b)));
    }
    result[result.size() - 1 - i] = extent_a == 1 ? extent_b : extent_a;
  }
  return result;
}

const std::map<std::string, ShapeRule, std::less<>>& shape_rules() {
  static const std::map<std::string, ShapeRule, std::less<>> rules = [] {
    std::map<std::string, ShapeRule, std::less<>> made;
    for (const char* name : {"Abs",
                             "Acos",
                             "Acosh",
                             "Asin",
                             "Asinh",
                             "Atan",
                             "Atanh",
                             "BitwiseNot",
                             "Ceil",
                             "Celu",
                             "Clip",
                             "Cos",
                             "Cosh",
                             "CumProd",
                             "CumSum",
                             "Elu",
                             "Erf",
                             "Exp",
                             "Floor",
                             "Gelu",
                             "GroupNormalization",
                             "HardSigmoid",
                             "HardSwish",
                             "Hardmax",
                             "Identity",
                             "InstanceNormalization",
                             "LRN",
                             "LeakyRelu",
                             "Log",
                             "LogSoftmax",
                             "LpNormalization",
                             "MeanVarianceNormalization",
                             "Mish",
                             "Neg",
                             "Not",
                             "PRelu",
                             "RMSNormalization",
                             "Reciprocal",
                             "Relu",
                             "ReverseSequence",
                             "RotaryEmbedding",
                             "Round",
                             "Scatter",
                             "ScatterElements",
                             "ScatterND",
                             "Selu",
                             "Shrink",
                             "Sigmoid",
                             "Sign",
                             "Sin",
                             "Sinh",
                             "Softmax",
                             "Softplus",
                             "Softsign",
                             "Sqrt",
                             "SwiGLU",
                             "Swish",
                             "Tan",
                             "Tanh",
                             "TensorScatter",
                             "ThresholdedRelu",
                             "Trilu"}) {
      made[name] = same_as_first;
    }
    for (const char* name : {"Add", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div",
                             "Max", "Mean", "Min", "Mod", "Mul", "Pow", "Sub", "Sum"}) {
      made[name] = broadcast_all;
    }
    for (const char* name :
         {"And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Or", "Xor"}) {
      made[name] = comparison;
    }
    for (const char* name :
         {"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
          "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"}) {
      made[name] = reduce;
    }
    for (const char* name : {"AveragePool", "LpPool", "MaxPool"}) made[name] = pool;
    for (const char* name : {"GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"})
      made[name] = global_pool;
    for (const char* name : {"GRU", "LSTM", "RNN"}) made[name] = recurrent;
    for (const char* name : {"Compress", "NonZero", "Unique", "NonMaxSuppression"})
      made[name] = unknown_by_data;
    for (const char* name : {"IsInf", "IsNaN"}) made[name] = boolean_of_first;
    for (const char* name : {"ArgMax", "ArgMin"}) made[name] = extreme_index;
    made["Attention"] = attention;
    made["BatchNormalization"] = batch_normalization;
    made["Cast"] = cast;
    made["CastLike"] = cast_like;
    made["Concat"] = concat;
    made["Constant"] = constant;
    made["ConstantOfShape"] = constant_of_shape;
    made["Conv"] = conv;
    made["ConvTranspose"] = conv_transpose;
    made["DepthToSpace"] = depth_to_space;
    made["Dropout"] = dropout;
    made["Einsum"] = einsum;
    made["Expand"] = expand;
    for (const char* name : {"Bernoulli", "EyeLike", "RandomNormalLike", "RandomUniformLike"})
      made[name] = random_like;
    for (const char* name : {"RandomNormal", "RandomUniform"}) made[name] = random;
    for (const char* name : {"Resize", "Upsample"}) made[name] = resize;
    made["Col2Im"] = col2im;
    made["DequantizeLinear"] = dequantize;
    made["Det"] = determinant;
    made["GridSample"] = grid_sample;
    made["MatMulInteger"] = matmul_integer;
    made["MaxUnpool"] = max_unpool;
    made["QuantizeLinear"] = quantize;
    made["Flatten"] = flatten;
    made["Gather"] = gather;
    made["GatherElements"] = gather_elements;
    made["GatherND"] = gather_nd;
    made["Gemm"] = gemm;
    made["LayerNormalization"] = layer_normalization;
    made["MatMul"] = matmul;
    made["OneHot"] = one_hot;
    made["Pad"] = pad;
    made["Range"] = range;
    made["Reshape"] = reshape;
    made["Shape"] = shape_of;
    made["Size"] = size_of_input;
    made["Slice"] = slice;
    made["SpaceToDepth"] = space_to_depth;
    made["Split"] = split;
    made["Squeeze"] = squeeze;
    made["Tile"] = tile;
    made["TopK"] = top_k;
    made["Transpose"] = transpose;
    made["Unsqueeze"] = unsqueeze;
    made["Where"] = where;
    return made;
  }();
  return rules;
}

}  // namespace moliere::onnx
