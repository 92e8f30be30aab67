// SPDX-License-Identifier: Apache-2.0
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <numeric>

namespace moliere::reference::detail {

void throw_invalid(const std::string& problem) {
  throw Error(problem, "the operator's definition does not allow it",
              "check the shapes and attributes in the model");
}

std::size_t normalize_axis(std::int64_t axis, std::size_t rank) {
  const auto extent = static_cast<std::int64_t>(rank);
  if (axis < -extent || axis >= extent) {
    throw_invalid(fmt::format("axis {} of a tensor of rank {}", axis, rank));
  }
  return at(axis < 0 ? axis + extent : axis);
}

std::vector<std::size_t> normalize_axes(const Integers& axes, std::size_t rank) {
  std::vector<std::size_t> result;
  for (const std::int64_t axis : axes) result.push_back(normalize_axis(axis, rank));
  std::ranges::sort(result);
  require(std::ranges::adjacent_find(result) == result.end(), "an axis is given twice");
  return result;
}

Shape strides_of(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

Shape broadcast_shape(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < result.size(); ++i) {
    // Shapes are aligned at their last axis.
    const std::int64_t extent_a = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t extent_b = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (extent_a != extent_b && extent_a != 1 && extent_b != 1) {
      throw_invalid(fmt::format("shapes {} and {} do not broadcast", to_string(a), to_string(b)));
    }
    result[result.size() - 1 - i] = extent_a == 1 ? extent_b : extent_a;
  }
  return result;
}

Shape broadcast_strides(const Shape& from, const Shape& to) {
  const Shape own = strides_of(from);
  Shape strides(to.size(), 0);
  const std::size_t missing = to.size() - from.size();
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    if (from[axis] != 1) strides[missing + axis] = own[axis];
  }
  return strides;
}

std::int64_t offset_of(const Shape& index, const Shape& strides) {
  return std::inner_product(index.begin(), index.end(), strides.begin(), std::int64_t{0});
}

AxisView view_along(const Shape& shape, std::size_t axis) {
  AxisView view;
  for (std::size_t i = 0; i < axis; ++i) view.outer *= at(shape[i]);
  view.extent = at(shape[axis]);
  for (std::size_t i = axis + 1; i < shape.size(); ++i) view.inner *= at(shape[i]);
  return view;
}

std::int64_t wrap_integer(std::int64_t value, DataType type) {
  switch (type) {
    case DataType::int32:
      return static_cast<std::int32_t>(value);
    case DataType::int16:
      return static_cast<std::int16_t>(value);
    case DataType::int8:
      return static_cast<std::int8_t>(value);
    case DataType::uint32:
      return static_cast<std::uint32_t>(value);
    case DataType::uint16:
      return static_cast<std::uint16_t>(value);
    case DataType::uint8:
      return static_cast<std::uint8_t>(value);
    default:
      return value;
  }
}

}  // namespace moliere::reference::detail
