// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/reference/detail.hpp"

/// The window that slides over the spatial axes (those after batch and channel) of convolutions
/// and pools.
namespace moliere::reference::detail {

/// One entry per spatial axis in each list. Output o and tap k of the window meet at the input
/// position o * strides - pads_begin + k * dilations.
struct Window {
  Shape kernel;
  Shape strides;
  Shape dilations;
  Shape pads_begin;
  Shape pads_end;
  Shape output;
};

/// Extents of the axes after the first two. Throws Error for fewer than three axes.
Shape spatial_extents(const Shape& shape);
/// (first, second, spatial...).
Shape with_spatial(std::int64_t first, std::int64_t second, const Shape& spatial);

/// From strides, dilations, pads, auto_pad and ceil_mode of a node (Conv, MaxPool, AveragePool,
/// LpPool). Throws Error for lists of the wrong length, extents that are not positive and a window
/// that is larger than the padded input.
Window window_of(const onnx::Node& node, const Shape& input, const Shape& kernel);

/// The same for ConvTranspose, where `output` is what a convolution of `input` would come from:
/// stride (in - 1) + output_padding + dilation (kernel - 1) + 1 - pads.
Window transposed_window_of(const onnx::Node& node, const Shape& input, const Shape& kernel);

/// Calls visit(k, position, offset) for each tap k of the window at output `index` that lies on the
/// input: `position` is its index tuple, `offset` counts elements of the spatial block.
template <class Visit>
void for_each_tap(const Window& window, const Shape& input, const Shape& index, Visit&& visit) {
  const std::size_t axes = input.size();
  Shape position(axes, 0);
  for_each_index(window.kernel, [&](std::size_t k, const Shape& tap) {
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < axes; ++i) {
      position[i] =
          index[i] * window.strides[i] - window.pads_begin[i] + tap[i] * window.dilations[i];
      if (position[i] < 0 || position[i] >= input[i]) return;
      offset = offset * input[i] + position[i];
    }
    visit(k, position, at(offset));
  });
}

}  // namespace moliere::reference::detail
