// SPDX-License-Identifier: Apache-2.0
#include "moliere/reference/window.hpp"

#include <algorithm>

namespace moliere::reference::detail {
namespace {

Shape list_of(const onnx::Node& node, const char* name, std::size_t length, std::int64_t fallback,
              std::int64_t smallest) {
  Shape list = node.attribute<Integers>(name, Integers(length, fallback));
  if (list.size() != length) {
    throw_invalid(fmt::format("'{}' has {} entries for {} axes", name, list.size(), length));
  }
  for (const std::int64_t entry : list) {
    if (entry < smallest) throw_invalid(fmt::format("an entry of '{}' is {}", name, entry));
  }
  return list;
}

Window unpadded_window(const onnx::Node& node, const Shape& input, const Shape& kernel) {
  const std::size_t axes = input.size();
  require(kernel.size() == axes, "the kernel has another number of axes than the input");
  require(std::ranges::all_of(kernel, [](std::int64_t k) { return k > 0; }),
          "an extent of the kernel is not positive");
  return {.kernel = kernel,
          .strides = list_of(node, "strides", axes, 1, 1),
          .dilations = list_of(node, "dilations", axes, 1, 1),
          .pads_begin = Shape(axes, 0),
          .pads_end = Shape(axes, 0),
          .output = Shape(axes, 0)};
}

/// "SAME_UPPER" puts the odd element of padding at the end, "SAME_LOWER" at the beginning.
void share_padding(Window& window, std::size_t axis, std::int64_t total, bool more_at_end) {
  const std::int64_t half = std::max<std::int64_t>(total, 0) / 2;
  const std::int64_t rest = std::max<std::int64_t>(total, 0) - half;
  window.pads_begin[axis] = more_at_end ? half : rest;
  window.pads_end[axis] = more_at_end ? rest : half;
}

/// The attribute "pads": all beginnings, then all ends. Negative ones cut off.
void set_explicit_pads(Window& window, const onnx::Node& node) {
  const std::size_t axes = window.kernel.size();
  const Integers pads = node.attribute<Integers>("pads", Integers(2 * axes, 0));
  require(pads.size() == 2 * axes, "'pads' has another length than twice the number of axes");
  window.pads_begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(axes));
  window.pads_end.assign(pads.begin() + static_cast<std::ptrdiff_t>(axes), pads.end());
}

std::string auto_pad_of(const onnx::Node& node) {
  std::string mode = node.attribute<std::string>("auto_pad", "NOTSET");
  const bool known =
      mode == "NOTSET" || mode == "VALID" || mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!known) throw_invalid(fmt::format("auto_pad is '{}'", mode));
  return mode;
}

/// Elements from the first to the last tap.
std::int64_t reach(const Window& window, std::size_t axis) {
  return window.dilations[axis] * (window.kernel[axis] - 1) + 1;
}

/// Positions of the window on the padded input. With ceil_mode a last one may hang over the end,
/// unless all of it lies in the padding.
std::int64_t positions(const Window& window, std::size_t axis, std::int64_t input, bool ceil_mode) {
  const std::int64_t padded = input + window.pads_begin[axis] + window.pads_end[axis];
  const std::int64_t room = padded - reach(window, axis);
  require(room >= 0, "the window is larger than its padded input");
  const std::int64_t stride = window.strides[axis];
  std::int64_t steps = (room + (ceil_mode ? stride - 1 : 0)) / stride;
  if (ceil_mode && steps * stride >= input + window.pads_begin[axis]) --steps;
  return steps + 1;
}

}  // namespace

Shape spatial_extents(const Shape& shape) {
  require(shape.size() >= 3, "the input has fewer axes than batch, channel and one in space");
  return {shape.begin() + 2, shape.end()};
}

Shape with_spatial(std::int64_t first, std::int64_t second, const Shape& spatial) {
  Shape shape{first, second};
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  return shape;
}

Window window_of(const onnx::Node& node, const Shape& input, const Shape& kernel) {
  Window window = unpadded_window(node, input, kernel);
  const std::string auto_pad = auto_pad_of(node);
  const bool ceil_mode = node.attribute<std::int64_t>("ceil_mode", 0) != 0;
  if (auto_pad == "NOTSET") set_explicit_pads(window, node);
  for (std::size_t i = 0; i < input.size(); ++i) {
    if (auto_pad.starts_with("SAME")) {
      window.output[i] = (input[i] + window.strides[i] - 1) / window.strides[i];
      const std::int64_t needed = (window.output[i] - 1) * window.strides[i] + reach(window, i);
      share_padding(window, i, needed - input[i], auto_pad == "SAME_UPPER");
    } else {
      window.output[i] = positions(window, i, input[i], ceil_mode && auto_pad == "NOTSET");
    }
  }
  return window;
}

Window transposed_window_of(const onnx::Node& node, const Shape& input, const Shape& kernel) {
  Window window = unpadded_window(node, input, kernel);
  const std::string auto_pad = auto_pad_of(node);
  const Shape extra = list_of(node, "output_padding", input.size(), 0, 0);
  const Integers wanted = node.attribute<Integers>("output_shape", {});
  require(wanted.empty() || wanted.size() >= input.size(),
          "'output_shape' has fewer entries than there are axes in space");
  if (auto_pad == "NOTSET") set_explicit_pads(window, node);
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::int64_t full = window.strides[i] * (input[i] - 1) + extra[i] + reach(window, i);
    if (!wanted.empty() || auto_pad.starts_with("SAME")) {
      // Exporters also write the whole shape: the last entries are those in space.
      window.output[i] =
          wanted.empty() ? input[i] * window.strides[i] : wanted[wanted.size() - input.size() + i];
      share_padding(window, i, full - window.output[i], auto_pad == "SAME_UPPER");
    } else {
      window.output[i] = full - window.pads_begin[i] - window.pads_end[i];
    }
    require(window.output[i] > 0, "ConvTranspose would have an empty result");
  }
  return window;
}

}  // namespace moliere::reference::detail
