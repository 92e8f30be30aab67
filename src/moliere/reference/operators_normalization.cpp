// SPDX-License-Identifier: Apache-2.0
// Normalisations: y = scale (x - mean) / sqrt(variance + epsilon) + bias over different sets of
// elements; equations as in ONNX's operator definitions. Variances are those of the population,
// defaults of attributes the float32 numbers that ONNX stores.
// Letters: N batch, C channels, D elements of a channel.
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <cmath>

namespace moliere::reference {
namespace {

using namespace detail;

template <class Scalar>
struct Moments {
  Scalar mean = 0;
  Scalar variance = 0;
};

/// Of size elements, get(i) each: two passes, so that nothing cancels.
template <class Scalar, class Get>
Moments<Scalar> moments_of(std::size_t size, Get&& get) {
  Moments<Scalar> moments;
  for (std::size_t i = 0; i < size; ++i) moments.mean += get(i);
  moments.mean /= static_cast<Scalar>(size);
  for (std::size_t i = 0; i < size; ++i) {
    const Scalar difference = get(i) - moments.mean;
    moments.variance += difference * difference;
  }
  moments.variance /= static_cast<Scalar>(size);
  return moments;
}

/// (N, C, D...) as three extents.
struct Channels {
  std::size_t batch;
  std::size_t channels;
  std::size_t size;
};

Channels channels_of(const Shape& shape) {
  require(shape.size() >= 2, "the input has no axis of channels");
  const AxisView view = view_along(shape, 1);
  return {view.outer, view.extent, view.inner};
}

/// Input `index`, which must have `length` elements: one per channel or per group.
template <class Scalar>
const std::vector<Scalar>& per_channel(const Call<Scalar>& call, std::size_t index,
                                       std::size_t length) {
  const std::vector<Scalar>& values = call.input(index).reals();
  require(values.size() == length, "a parameter has another length than there are channels");
  return values;
}

template <class Scalar>
Value<Scalar> like(const Value<Scalar>& x, std::vector<Scalar> elements) {
  return Value<Scalar>::real(x.shape, std::move(elements), x.type);
}

/// Inference: mean and variance are given. Training (training_mode 1): they are the batch's, and
/// running' = running momentum + batch (1 - momentum) are further results.
template <class Scalar>
std::vector<Value<Scalar>> batch_normalization(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const auto [batch, channels, size] = channels_of(x.shape);
  require(int_attribute(call, "spatial", 1) != 0,
          "BatchNormalization with statistics per element (spatial 0, gone since opset 9)");
  const bool training = int_attribute(call, "training_mode", 0) != 0;
  const Scalar epsilon = float_attribute(call, "epsilon", 1e-5F);
  const Scalar momentum = float_attribute(call, "momentum", 0.9F);
  const std::vector<Scalar>& scale = per_channel(call, 1, channels);
  const std::vector<Scalar>& bias = per_channel(call, 2, channels);
  std::vector<Scalar> mean = per_channel(call, 3, channels);
  std::vector<Scalar> variance = per_channel(call, 4, channels);
  std::vector<Scalar> running_mean = mean;
  std::vector<Scalar> running_variance = variance;
  const auto offset = [&](std::size_t c, std::size_t i) {
    return (i / size * channels + c) * size + i % size;
  };
  for (std::size_t c = 0; training && c < channels; ++c) {
    const auto moments =
        moments_of<Scalar>(batch * size, [&](std::size_t i) { return x.reals()[offset(c, i)]; });
    running_mean[c] = mean[c] * momentum + moments.mean * (1 - momentum);
    running_variance[c] = variance[c] * momentum + moments.variance * (1 - momentum);
    mean[c] = moments.mean;
    variance[c] = moments.variance;
  }
  std::vector<Scalar> y(x.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t c = i / size % channels;
    y[i] = scale[c] * (x.reals()[i] - mean[c]) / std::sqrt(variance[c] + epsilon) + bias[c];
  }
  std::vector<Value<Scalar>> results = single(like(x, std::move(y)));
  if (training) {
    results.push_back(like(call.input(3), std::move(running_mean)));
    results.push_back(like(call.input(4), std::move(running_variance)));
  }
  return results;
}

/// Each (n, c) for itself.
template <class Scalar>
std::vector<Value<Scalar>> instance_normalization(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const auto [batch, channels, size] = channels_of(x.shape);
  const std::vector<Scalar>& scale = per_channel(call, 1, channels);
  const std::vector<Scalar>& bias = per_channel(call, 2, channels);
  const Scalar epsilon = float_attribute(call, "epsilon", 1e-5F);
  std::vector<Scalar> y(x.size());
  for (std::size_t plane = 0; plane < batch * channels; ++plane) {
    const Scalar* from = x.reals().data() + plane * size;
    const auto [mean, variance] = moments_of<Scalar>(size, [&](std::size_t i) { return from[i]; });
    const std::size_t c = plane % channels;
    for (std::size_t i = 0; i < size; ++i) {
      y[plane * size + i] = scale[c] * (from[i] - mean) / std::sqrt(variance + epsilon) + bias[c];
    }
  }
  return single(like(x, std::move(y)));
}

/// Each group of channels of each n for itself. Scale and bias: one per group in opset 18, one per
/// channel since opset 21.
template <class Scalar>
std::vector<Value<Scalar>> group_normalization(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const auto [batch, channels, size] = channels_of(x.shape);
  const std::int64_t given = int_attribute(call, "num_groups", 0);
  const std::size_t groups = at(given);
  require(given > 0 && channels % groups == 0, "the channels do not divide into the groups");
  const bool scale_of_group = call.opset < 21;
  const std::size_t parameters = scale_of_group ? groups : channels;
  const std::vector<Scalar>& scale = per_channel(call, 1, parameters);
  const std::vector<Scalar>& bias = per_channel(call, 2, parameters);
  const Scalar epsilon = float_attribute(call, "epsilon", 1e-5F);
  const std::size_t group_size = channels / groups * size;
  std::vector<Scalar> y(x.size());
  for (std::size_t group = 0; group < batch * groups; ++group) {
    const std::size_t first = group * group_size;
    const auto [mean, variance] =
        moments_of<Scalar>(group_size, [&](std::size_t i) { return x.reals()[first + i]; });
    for (std::size_t i = first; i < first + group_size; ++i) {
      const std::size_t k = scale_of_group ? group % groups : i / size % channels;
      y[i] = scale[k] * (x.reals()[i] - mean) / std::sqrt(variance + epsilon) + bias[k];
    }
  }
  return single(like(x, std::move(y)));
}

/// The axes from `axis` on are one set; the shape (d0, ..., 1, ...) of their statistics.
struct LastAxes {
  std::size_t sets = 1;
  std::size_t size = 1;
  Shape statistics;
};

template <class Scalar>
LastAxes last_axes(const Call<Scalar>& call) {
  const Shape& shape = call.input(0).shape;
  const std::size_t axis = normalize_axis(int_attribute(call, "axis", -1), shape.size());
  LastAxes axes{.statistics = shape};
  for (std::size_t i = 0; i < shape.size(); ++i) {
    (i < axis ? axes.sets : axes.size) *= at(shape[i]);
    if (i >= axis) axes.statistics[i] = 1;
  }
  return axes;
}

/// Input `index` stretched to the shape of x, `combine`d with it element by element.
template <class Scalar, class Combine>
void combine_stretched(const Call<Scalar>& call, std::size_t index, std::vector<Scalar>& y,
                       Combine&& combine) {
  const Shape& shape = call.input(0).shape;
  const Value<Scalar>& parameter = call.input(index);
  require(broadcast_shape(parameter.shape, shape) == shape, "a parameter does not fit the input");
  const std::array<Shape, 1> strides{broadcast_strides(parameter.shape, shape)};
  for_each_offset(shape, strides, [&](std::size_t i, const auto& o) {
    y[i] = combine(y[i], parameter.reals()[at(o[0])]);
  });
}

/// Results: y, the means and 1 / sqrt(variance + epsilon).
template <class Scalar>
std::vector<Value<Scalar>> layer_normalization(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const LastAxes axes = last_axes(call);
  const Scalar epsilon = float_attribute(call, "epsilon", 1e-5F);
  std::vector<Scalar> y(x.size());
  std::vector<Scalar> means(axes.sets);
  std::vector<Scalar> inverse_deviations(axes.sets);
  for (std::size_t set = 0; set < axes.sets; ++set) {
    const Scalar* from = x.reals().data() + set * axes.size;
    const auto [mean, variance] =
        moments_of<Scalar>(axes.size, [&](std::size_t i) { return from[i]; });
    means[set] = mean;
    inverse_deviations[set] = 1 / std::sqrt(variance + epsilon);
    for (std::size_t i = 0; i < axes.size; ++i) {
      y[set * axes.size + i] = (from[i] - mean) * inverse_deviations[set];
    }
  }
  combine_stretched(call, 1, y, [](Scalar a, Scalar scale) { return a * scale; });
  if (call.has(2)) combine_stretched(call, 2, y, [](Scalar a, Scalar bias) { return a + bias; });
  const DataType stash = type_from_number(int_attribute(call, "stash_type", 1));
  std::vector<Value<Scalar>> results = single(like(x, std::move(y)));
  results.push_back(Value<Scalar>::real(axes.statistics, std::move(means), stash));
  results.push_back(Value<Scalar>::real(axes.statistics, std::move(inverse_deviations), stash));
  return results;
}

/// y = scale x / sqrt(mean of x^2 + epsilon).
template <class Scalar>
std::vector<Value<Scalar>> rms_normalization(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const LastAxes axes = last_axes(call);
  const Scalar epsilon = float_attribute(call, "epsilon", 1e-5F);
  std::vector<Scalar> y(x.size());
  for (std::size_t set = 0; set < axes.sets; ++set) {
    const Scalar* from = x.reals().data() + set * axes.size;
    Scalar squares = 0;
    for (std::size_t i = 0; i < axes.size; ++i) squares += from[i] * from[i];
    const Scalar root = std::sqrt(squares / static_cast<Scalar>(axes.size) + epsilon);
    for (std::size_t i = 0; i < axes.size; ++i) y[set * axes.size + i] = from[i] / root;
  }
  combine_stretched(call, 1, y, [](Scalar a, Scalar scale) { return a * scale; });
  return single(like(x, std::move(y)));
}

/// y = x / (sum |x|^p)^(1/p) along one axis, p 1 or 2; zeros stay zeros.
template <class Scalar>
std::vector<Value<Scalar>> lp_normalization(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const std::int64_t p = int_attribute(call, "p", 2);
  require(p == 1 || p == 2, "the exponent of LpNormalization is neither 1 nor 2");
  const AxisView view =
      view_along(x.shape, normalize_axis(int_attribute(call, "axis", -1), x.shape.size()));
  std::vector<Scalar> y(x.size());
  for (std::size_t line = 0; line < view.outer * view.inner; ++line) {
    const std::size_t first = line / view.inner * view.extent * view.inner + line % view.inner;
    Scalar sum = 0;
    for (std::size_t k = 0; k < view.extent; ++k) {
      const Scalar value = std::abs(x.reals()[first + k * view.inner]);
      sum += p == 1 ? value : value * value;
    }
    const Scalar norm = p == 1 ? sum : std::sqrt(sum);
    for (std::size_t k = 0; k < view.extent; ++k) {
      const std::size_t i = first + k * view.inner;
      y[i] = norm == 0 ? 0 : x.reals()[i] / norm;
    }
  }
  return single(like(x, std::move(y)));
}

/// y[c] = x[c] / (bias + alpha / size * s[c])^beta with s[c] the sum of x[i]^2 for the channels i
/// from c - floor((size - 1) / 2) to c + ceil((size - 1) / 2).
template <class Scalar>
std::vector<Value<Scalar>> local_response_normalization(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const auto [batch, channels, size] = channels_of(x.shape);
  const std::int64_t width = int_attribute(call, "size", 0);
  require(width > 0, "the size of LRN is not positive");
  const Scalar alpha = float_attribute(call, "alpha", 1e-4F);
  const Scalar beta = float_attribute(call, "beta", 0.75);
  const Scalar bias = float_attribute(call, "bias", 1);
  const auto below = at((width - 1) / 2);
  const auto above = at(width / 2);
  std::vector<Scalar> y(x.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t c = i / size % channels;
    const std::size_t first = c < below ? 0 : c - below;
    const std::size_t last = std::min(c + above, channels - 1);
    Scalar squares = 0;
    for (std::size_t k = first; k <= last; ++k) {
      const Scalar value = x.reals()[i - c * size + k * size];
      squares += value * value;
    }
    y[i] = x.reals()[i] / std::pow(bias + alpha / static_cast<Scalar>(width) * squares, beta);
  }
  return single(like(x, std::move(y)));
}

/// Keeps a vanishing deviation from dividing by zero; the value is that of ONNX's definition.
constexpr double mean_variance_epsilon = 1e-9;

/// y = (x - mean) / (sqrt(mean of x^2 - mean^2) + 1e-9) over `axes`.
template <class Scalar>
std::vector<Value<Scalar>> mean_variance_normalization(const Call<Scalar>& call) {
  const Value<Scalar>& x = call.input(0);
  const auto axes =
      normalize_axes(call.node.template attribute<Integers>("axes", {0, 2, 3}), x.shape.size());
  Shape kept = x.shape;
  for (const std::size_t axis : axes) kept[axis] = 1;
  const std::array<Shape, 1> strides{broadcast_strides(kept, x.shape)};
  const auto number = static_cast<Scalar>(x.size()) / static_cast<Scalar>(count(kept));
  std::vector<Scalar> means(count(kept), 0);
  std::vector<Scalar> variances(count(kept), 0);
  for_each_offset(x.shape, strides,
                  [&](std::size_t i, const auto& o) { means[at(o[0])] += x.reals()[i] / number; });
  for_each_offset(x.shape, strides, [&](std::size_t i, const auto& o) {
    const Scalar difference = x.reals()[i] - means[at(o[0])];
    variances[at(o[0])] += difference * difference / number;
  });
  std::vector<Scalar> y(x.size());
  for_each_offset(x.shape, strides, [&](std::size_t i, const auto& o) {
    y[i] = (x.reals()[i] - means[at(o[0])]) /
           (std::sqrt(variances[at(o[0])]) + static_cast<Scalar>(mean_variance_epsilon));
  });
  return single(like(x, std::move(y)));
}

}  // namespace

template <class Scalar>
void add_normalization_operators(KernelTable<Scalar>& table) {
  table["BatchNormalization"] = batch_normalization<Scalar>;
  table["InstanceNormalization"] = instance_normalization<Scalar>;
  table["GroupNormalization"] = group_normalization<Scalar>;
  table["LayerNormalization"] = layer_normalization<Scalar>;
  table["RMSNormalization"] = rms_normalization<Scalar>;
  table["LpNormalization"] = lp_normalization<Scalar>;
  table["LRN"] = local_response_normalization<Scalar>;
  table["MeanVarianceNormalization"] = mean_variance_normalization<Scalar>;
}

template void add_normalization_operators(KernelTable<double>&);
template void add_normalization_operators(KernelTable<float>&);

}  // namespace moliere::reference
