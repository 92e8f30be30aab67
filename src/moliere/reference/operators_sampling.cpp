// SPDX-License-Identifier: Apache-2.0
// Resize, Upsample and GridSample: values between the elements of an image; equations as in ONNX's
// operator definitions.
#include "moliere/reference/window.hpp"

#include <algorithm>
#include <cmath>

namespace moliere::reference {
namespace {

using namespace detail;

/// An element and its weight in a sum.
struct Tap {
  std::int64_t index;
  double weight;
};
using Taps = std::vector<Tap>;

/// Keys' cubic convolution kernel, R. G. Keys, "Cubic convolution interpolation for digital image
/// processing", IEEE Trans. ASSP 29 (1981), equation 4.
double cubic_kernel(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

double linear_kernel(double x) { return std::max(0.0, 1 - std::abs(x)); }

enum class Interpolation { nearest, linear, cubic };

Interpolation interpolation_of(std::string_view mode) {
  if (mode == "nearest") return Interpolation::nearest;
  if (mode == "linear" || mode == "bilinear") return Interpolation::linear;
  if (mode == "cubic" || mode == "bicubic") return Interpolation::cubic;
  throw_invalid(fmt::format("the interpolation '{}'", mode));
}

/// The elements around `position` under the kernel; `stretch` <= 1 widens it by 1 / stretch
/// (antialiasing), and the weights are then scaled to the sum 1.
Taps taps_around(double position, Interpolation mode, double cubic_a, double stretch) {
  const double reach = (mode == Interpolation::cubic ? 2 : 1) / stretch;
  Taps taps;
  double sum = 0;
  for (auto i = static_cast<std::int64_t>(std::ceil(position - reach));
       static_cast<double>(i) <= position + reach; ++i) {
    const double distance = (static_cast<double>(i) - position) * stretch;
    const double weight =
        mode == Interpolation::cubic ? cubic_kernel(distance, cubic_a) : linear_kernel(distance);
    if (weight == 0) continue;
    taps.push_back({i, weight});
    sum += weight;
  }
  for (Tap& tap : taps) tap.weight /= stretch < 1 ? sum : 1;
  return taps;
}

/// The attributes of Resize (for Upsample and Resize of opset 10: what they always do).
struct ResizeMode {
  Interpolation interpolation;
  std::string transformation;
  std::string nearest;
  std::string aspect;
  double cubic_a;
  double extrapolation;
  bool antialias;
  bool exclude_outside;
};

template <class Scalar>
ResizeMode resize_mode_of(const Call<Scalar>& call) {
  const bool old = call.opset < 11 || call.node.op_type == "Upsample";
  return {.interpolation = interpolation_of(string_attribute(call, "mode", "nearest")),
          .transformation = string_attribute(call, "coordinate_transformation_mode",
                                             old ? "asymmetric" : "half_pixel"),
          .nearest = string_attribute(call, "nearest_mode", old ? "floor" : "round_prefer_floor"),
          .aspect = string_attribute(call, "keep_aspect_ratio_policy", "stretch"),
          .cubic_a = call.node.template attribute<double>("cubic_coeff_a", -0.75),
          .extrapolation = call.node.template attribute<double>("extrapolation_value", 0.0),
          .antialias = int_attribute(call, "antialias", 0) != 0,
          .exclude_outside = int_attribute(call, "exclude_outside", 0) != 0};
}

/// One axis of a Resize.
struct ResizedAxis {
  std::int64_t input;
  std::int64_t output;
  double scale;
  /// Region of interest, in units of the input's extent; for tf_crop_and_resize.
  double begin = 0;
  double end = 1;

  /// The output extent before it is made an integer.
  double exact_output() const { return scale * static_cast<double>(input); }
};

/// Where the output's element o lies on the input.
double original_position(const ResizeMode& mode, const ResizedAxis& axis, std::int64_t o) {
  const auto x = static_cast<double>(o);
  const auto last = static_cast<double>(axis.input - 1);
  const double width = axis.exact_output();
  const double half_pixel = (x + 0.5) / axis.scale - 0.5;
  if (mode.transformation == "half_pixel") return half_pixel;
  if (mode.transformation == "pytorch_half_pixel") return axis.output > 1 ? half_pixel : 0;
  if (mode.transformation == "half_pixel_symmetric") {
    // The centre of the input is put on the centre of the output.
    const double adjustment = static_cast<double>(axis.output) / width;
    return static_cast<double>(axis.input) / 2 * (1 - adjustment) + half_pixel;
  }
  if (mode.transformation == "asymmetric") return x / axis.scale;
  if (mode.transformation == "align_corners") return width == 1 ? 0 : x * last / (width - 1);
  if (mode.transformation == "tf_crop_and_resize") {
    return width == 1 ? 0.5 * (axis.begin + axis.end) * last
                      : axis.begin * last + x * (axis.end - axis.begin) * last / (width - 1);
  }
  throw_invalid(fmt::format("the coordinate transformation '{}'", mode.transformation));
}

std::int64_t nearest_index(const std::string& mode, double position) {
  double nearest = 0;
  if (mode == "round_prefer_floor") {
    nearest = std::ceil(position - 0.5);
  } else if (mode == "round_prefer_ceil") {
    nearest = std::floor(position + 0.5);
  } else if (mode == "floor") {
    nearest = std::floor(position);
  } else if (mode == "ceil") {
    nearest = std::ceil(position);
  } else {
    throw_invalid(fmt::format("the nearest mode '{}'", mode));
  }
  return static_cast<std::int64_t>(nearest);
}

/// What each output element along an axis is a sum of; nothing: the extrapolation value.
/// Elements beyond the edge are those on it, or left out with exclude_outside.
std::vector<Taps> resize_taps(const ResizeMode& mode, const ResizedAxis& axis) {
  std::vector<Taps> result;
  for (std::int64_t o = 0; o < axis.output; ++o) {
    const double position = original_position(mode, axis, o);
    const auto last = static_cast<double>(axis.input - 1);
    if (mode.transformation == "tf_crop_and_resize" && (position < 0 || position > last)) {
      result.emplace_back();
      continue;
    }
    Taps taps = mode.interpolation == Interpolation::nearest
                    ? Taps{{nearest_index(mode.nearest, position), 1.0}}
                    : taps_around(position, mode.interpolation, mode.cubic_a,
                                  mode.antialias ? std::min(axis.scale, 1.0) : 1.0);
    if (mode.exclude_outside) {
      std::erase_if(taps, [&](const Tap& t) { return t.index < 0 || t.index >= axis.input; });
      double sum = 0;
      for (const Tap& tap : taps) sum += tap.weight;
      for (Tap& tap : taps) tap.weight /= sum;
    }
    for (Tap& tap : taps) tap.index = std::clamp<std::int64_t>(tap.index, 0, axis.input - 1);
    result.push_back(std::move(taps));
  }
  return result;
}

/// y[..., o, ...] = sum over the taps of o of weight x[..., index, ...].
template <class Scalar>
void resample(std::vector<Scalar>& x, Shape& shape, std::size_t axis, const std::vector<Taps>& taps,
              Scalar extrapolation) {
  const AxisView view = view_along(shape, axis);
  std::vector<Scalar> y;
  y.reserve(view.outer * taps.size() * view.inner);
  for (std::size_t outer = 0; outer < view.outer; ++outer) {
    for (const Taps& sum : taps) {
      for (std::size_t inner = 0; inner < view.inner; ++inner) {
        Scalar value = sum.empty() ? extrapolation : Scalar{0};
        for (const Tap& tap : sum) {
          value += static_cast<Scalar>(tap.weight) *
                   x[(outer * view.extent + at(tap.index)) * view.inner + inner];
        }
        y.push_back(value);
      }
    }
  }
  x = std::move(y);
  shape[axis] = static_cast<std::int64_t>(taps.size());
}

/// Scales, or sizes with the aspect-ratio policy: the inputs 2 and 3, for `axes` alone.
template <class Scalar>
std::vector<ResizedAxis> resized_axes(const Call<Scalar>& call, const ResizeMode& mode,
                                      const std::vector<std::size_t>& axes) {
  const Shape& shape = call.input(0).shape;
  // Opset 10 and Upsample: scales come second; Upsample of opset 7: an attribute.
  const bool old = call.opset < 11 || call.node.op_type == "Upsample";
  std::vector<double> scales = call.node.template attribute<std::vector<double>>("scales", {});
  const std::size_t scales_input = old ? 1 : 2;
  if (call.has(scales_input)) {
    const auto& given = call.input(scales_input).reals();
    scales.assign(given.begin(), given.end());
  }
  const Integers sizes = !old && call.has(3) ? call.input(3).integers() : Integers{};
  require((scales.empty() ? sizes.size() : scales.size()) == axes.size(),
          "the number of scales or sizes is not that of the axes");
  std::vector<ResizedAxis> result;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::int64_t extent = shape[axes[i]];
    const auto width = static_cast<double>(extent);
    if (scales.empty()) {
      result.push_back({extent, sizes[i], static_cast<double>(sizes[i]) / width});
    } else {
      result.push_back(
          {extent, static_cast<std::int64_t>(std::floor(width * scales[i])), scales[i]});
    }
    require(extent > 0 && result.back().output >= 0 && result.back().scale > 0,
            "Resize of such an extent");
  }
  if (scales.empty() && mode.aspect != "stretch") {
    const auto by_scale = [](const ResizedAxis& a, const ResizedAxis& b) {
      return a.scale < b.scale;
    };
    const double scale = mode.aspect == "not_larger"
                             ? std::ranges::min_element(result, by_scale)->scale
                             : std::ranges::max_element(result, by_scale)->scale;
    for (ResizedAxis& axis : result) {
      axis.scale = scale;
      axis.output = static_cast<std::int64_t>(std::floor(axis.exact_output() + 0.5));
    }
  }
  return result;
}

template <class Scalar>
std::vector<Value<Scalar>> resize(const Call<Scalar>& call) {
  const Value<Scalar>& input = call.input(0);
  const ResizeMode mode = resize_mode_of(call);
  std::vector<std::size_t> axes;
  if (call.node.find_attribute("axes") != nullptr) {
    for (const std::int64_t axis : call.node.template attribute<Integers>("axes", {})) {
      axes.push_back(normalize_axis(axis, input.shape.size()));
    }
  } else {
    for (std::size_t i = 0; i < input.shape.size(); ++i) axes.push_back(i);
  }
  std::vector<ResizedAxis> resized = resized_axes(call, mode, axes);
  if (mode.transformation == "tf_crop_and_resize") {
    const std::vector<Scalar>& region = call.input(1).reals();
    require(region.size() == 2 * axes.size(), "the region of interest has the wrong length");
    for (std::size_t i = 0; i < axes.size(); ++i) {
      resized[i].begin = static_cast<double>(region[i]);
      resized[i].end = static_cast<double>(region[axes.size() + i]);
    }
  }
  Value<Scalar> x = input.is_real() ? input : converted(input, DataType::float64);
  std::vector<Scalar> elements = x.reals();
  Shape shape = input.shape;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const ResizedAxis& axis = resized[i];
    const bool whole = axis.begin == 0 && axis.end == 1;
    if (axis.scale == 1 && axis.output == axis.input && whole) continue;
    resample(elements, shape, axes[i], resize_taps(mode, axis),
             static_cast<Scalar>(mode.extrapolation));
  }
  Value<Scalar> y = Value<Scalar>::real(std::move(shape), std::move(elements), x.type);
  return single(input.is_real() ? std::move(y) : converted(y, input.type));
}

enum class Padding { zeros, border, reflection };

Padding padding_of(std::string_view mode) {
  if (mode == "zeros") return Padding::zeros;
  if (mode == "border") return Padding::border;
  if (mode == "reflection") return Padding::reflection;
  throw_invalid(fmt::format("the padding '{}'", mode));
}

/// Folds x at the ends of [low, high] until it lies between them.
double reflected(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double distance = std::abs(x - low);
  const double rest = std::fmod(distance, range);
  const bool turned = static_cast<std::int64_t>(distance / range) % 2 != 0;
  return turned ? high - rest : low + rest;
}

/// How GridSample samples.
struct GridMode {
  Interpolation interpolation;
  Padding padding;
  bool align_corners;

  /// The edges of an axis: the outer elements' centres or their outer sides.
  double low() const { return align_corners ? 0 : -0.5; }
  double high(std::int64_t extent) const {
    return static_cast<double>(extent) - (align_corners ? 1.0 : 0.5);
  }
};

/// The element that stands for index i of an axis; -1: zero.
std::int64_t padded_index(const GridMode& mode, std::int64_t i, std::int64_t extent) {
  if (i >= 0 && i < extent) return i;
  if (mode.padding == Padding::zeros) return -1;
  if (mode.padding == Padding::border) return std::clamp<std::int64_t>(i, 0, extent - 1);
  const double inside = reflected(static_cast<double>(i), mode.low(), mode.high(extent));
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(inside), 0, extent - 1);
}

/// The elements along an axis that make up the value at `normalized` in [-1, 1].
Taps grid_taps(const GridMode& mode, double normalized, std::int64_t extent) {
  const auto size = static_cast<double>(extent);
  double x =
      mode.align_corners ? (normalized + 1) / 2 * (size - 1) : ((normalized + 1) * size - 1) / 2;
  // Half-way cases go to the even element.
  if (mode.interpolation == Interpolation::nearest) x = std::nearbyint(x);
  if (x < mode.low() || x > mode.high(extent)) {
    if (mode.padding == Padding::border) x = std::clamp(x, 0.0, size - 1);
    if (mode.padding == Padding::reflection) x = reflected(x, mode.low(), mode.high(extent));
  }
  if (std::isnan(x)) return {};
  // Further out no tap reaches the image any more.
  x = std::clamp(x, -4.0, size + 3);
  // -0.75 is the coefficient that ONNX prescribes here.
  Taps taps = mode.interpolation == Interpolation::nearest
                  ? Taps{{static_cast<std::int64_t>(x), 1.0}}
                  : taps_around(x, mode.interpolation, -0.75, 1.0);
  for (Tap& tap : taps) tap.index = padded_index(mode, tap.index, extent);
  std::erase_if(taps, [](const Tap& tap) { return tap.index < 0; });
  return taps;
}

/// y[n, c, o] = x[n, c] at the position grid[n, o], whose coordinates are those of the last axis
/// first. x is (N, C, in...), grid (N, out..., number of axes in space).
template <class Scalar>
std::vector<Value<Scalar>> grid_sample(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const Value<Scalar>& grid = call.input(1);
  const GridMode mode{.interpolation = interpolation_of(string_attribute(call, "mode", "linear")),
                      .padding = padding_of(string_attribute(call, "padding_mode", "zeros")),
                      .align_corners = int_attribute(call, "align_corners", 0) != 0};
  const Shape in = spatial_extents(x.shape);
  const std::size_t axes = in.size();
  require(grid.shape.size() == axes + 2 && grid.shape[0] == x.shape[0] &&
              grid.shape.back() == static_cast<std::int64_t>(axes),
          "the grid does not fit the input");
  const Shape out(grid.shape.begin() + 1, grid.shape.end() - 1);
  const std::size_t in_size = count(in);
  const std::size_t out_size = count(out);
  const auto channels = at(x.shape[1]);
  const Shape strides = strides_of(in);
  Shape result = with_spatial(x.shape[0], x.shape[1], out);
  std::vector<Scalar> y(count(result), 0);
  for (std::size_t point = 0; point < at(x.shape[0]) * out_size; ++point) {
    std::vector<Taps> taps;
    Shape numbers;
    for (std::size_t axis = 0; axis < axes; ++axis) {
      const Scalar coordinate = grid.reals()[point * axes + axes - 1 - axis];
      taps.push_back(grid_taps(mode, static_cast<double>(coordinate), in[axis]));
      numbers.push_back(static_cast<std::int64_t>(taps.back().size()));
    }
    const std::size_t plane = point / out_size * channels;
    for_each_index(numbers, [&](std::size_t, const Shape& index) {
      double weight = 1;
      std::int64_t offset = 0;
      for (std::size_t axis = 0; axis < axes; ++axis) {
        const Tap& tap = taps[axis][at(index[axis])];
        weight *= tap.weight;
        offset += tap.index * strides[axis];
      }
      for (std::size_t c = 0; c < channels; ++c) {
        y[(plane + c) * out_size + point % out_size] +=
            static_cast<Scalar>(weight) * x.reals()[(plane + c) * in_size + at(offset)];
      }
    });
  }
  return single(Value<Scalar>::real(std::move(result), std::move(y), x.type));
}

}  // namespace

template <class Scalar>
void add_sampling_operators(KernelTable<Scalar>& table) {
  table["Resize"] = resize<Scalar>;
  table["Upsample"] = resize<Scalar>;
  table["GridSample"] = grid_sample<Scalar>;
}

template void add_sampling_operators(KernelTable<double>&);
template void add_sampling_operators(KernelTable<float>&);

}  // namespace moliere::reference
