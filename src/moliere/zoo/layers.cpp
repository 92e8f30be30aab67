// SPDX-License-Identifier: Apache-2.0
#include "moliere/zoo/layers.hpp"

#include <algorithm>

namespace moliere::zoo {
namespace {

/// Biases move activations off zero a little: +-0.1.
constexpr std::int64_t bias_bound = one / 10;

}  // namespace

Network::Network(const Entry& entry) : builder_(entry.name), weights_(entry.name) {}

onnx::Dimension Network::dimension(const Batch& batch) {
  return batch ? onnx::Dimension{.value = *batch} : onnx::Dimension{.symbol = "batch"};
}

std::string Network::input(const std::string& name, const Batch& batch, const Shape& shape,
                           DataType type) {
  std::vector<onnx::Dimension> dimensions{dimension(batch)};
  for (const std::int64_t extent : shape) dimensions.push_back({.value = extent});
  return builder_.input(name, type, std::move(dimensions));
}

std::string Network::constant(const std::string& name, Tensor value) {
  return builder_.initializer(name, std::move(value));
}

std::string Network::integers(const std::string& name, const std::vector<std::int64_t>& values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return constant(name, Tensor::from<std::int64_t>({size}, values));
}

std::string Network::weights(const std::string& name, Shape shape, std::int64_t fan_in,
                             std::int64_t gain) {
  return constant(name, weights_.scaled(std::move(shape), fan_in, gain));
}

std::string Network::op(std::string_view type, std::vector<std::string> inputs,
                        std::map<std::string, onnx::AttributeValue, std::less<>> attributes) {
  return builder_.node(type, std::move(inputs), std::move(attributes));
}

std::string Network::dense(const std::string& x, std::int64_t inputs, std::int64_t outputs,
                           std::int64_t gain) {
  const std::string name = numbered("dense");
  const std::string w =
      constant(name + "_weight", weights_.centred({outputs, inputs}, inputs, inputs, gain));
  const std::string b =
      constant(name + "_bias", weights_.uniform({outputs}, -bias_bound, bias_bound));
  return op("Gemm", {x, w, b}, {{"transB", std::int64_t{1}}});
}

std::string Network::conv(const std::string& x, const Convolution& c) {
  const std::string name = numbered("conv");
  Shape shape{c.out, c.in};
  shape.insert(shape.end(), c.dimensions, c.kernel);
  const std::int64_t fan_in = element_count(shape) / c.out;
  // Channel by channel, as their means differ.
  const std::string w =
      constant(name + "_weight", weights_.centred(shape, fan_in / c.in, fan_in, c.gain));
  const std::string b =
      constant(name + "_bias", weights_.uniform({c.out}, -bias_bound, bias_bound));
  return op("Conv", {x, w, b},
            {{"kernel_shape", Integers(c.dimensions, c.kernel)},
             {"pads", Integers(2 * c.dimensions, c.pad)},
             {"strides", Integers(c.dimensions, c.stride)},
             {"dilations", Integers(c.dimensions, 1)},
             {"group", std::int64_t{1}}});
}

std::string Network::conv_transpose(const std::string& x, const Convolution& c) {
  const std::string name = numbered("conv_transpose");
  Shape shape{c.in, c.out};
  shape.insert(shape.end(), c.dimensions, c.kernel);
  // With a stride s each output sums over (kernel / s)^d positions of every input channel.
  std::int64_t fan_in = c.in;
  for (std::size_t i = 0; i < c.dimensions; ++i)
    fan_in *= std::max<std::int64_t>(c.kernel / c.stride, 1);
  const std::int64_t block = element_count(shape) / (c.in * c.out);
  const std::string w = constant(name + "_weight", weights_.centred(shape, block, fan_in, c.gain));
  const std::string b =
      constant(name + "_bias", weights_.uniform({c.out}, -bias_bound, bias_bound));
  return op("ConvTranspose", {x, w, b},
            {{"kernel_shape", Integers(c.dimensions, c.kernel)},
             {"pads", Integers(2 * c.dimensions, c.pad)},
             {"strides", Integers(c.dimensions, c.stride)},
             {"dilations", Integers(c.dimensions, 1)},
             {"group", std::int64_t{1}}});
}

std::string Network::batch_normalization(const std::string& x, std::int64_t channels) {
  const std::string name = numbered("batch_norm");
  const auto vector = [&](const char* part, std::int64_t low, std::int64_t high) {
    return constant(name + part, weights_.uniform({channels}, low, high));
  };
  const std::string scale = vector("_scale", one * 3 / 4, one * 5 / 4);
  const std::string shift = vector("_shift", -bias_bound, bias_bound);
  const std::string mean = vector("_mean", -one / 4, one / 4);
  const std::string variance = vector("_variance", one / 2, one * 3 / 2);
  return op("BatchNormalization", {x, scale, shift, mean, variance}, {{"epsilon", 1e-3}});
}

std::string Network::layer_normalization(const std::string& x, std::int64_t features) {
  const std::string name = numbered("layer_norm");
  const std::string scale =
      constant(name + "_scale", weights_.uniform({features}, one * 3 / 4, one * 5 / 4));
  const std::string shift =
      constant(name + "_shift", weights_.uniform({features}, -bias_bound, bias_bound));
  return op("LayerNormalization", {x, scale, shift},
            {{"axis", std::int64_t{-1}}, {"epsilon", 1e-5}});
}

onnx::Model Network::finish(const std::string& value, const std::string& name, const Batch& batch,
                            const Shape& shape) {
  std::vector<onnx::Dimension> dimensions{dimension(batch)};
  for (const std::int64_t extent : shape) dimensions.push_back({.value = extent});
  builder_.output(name, DataType::float32, std::move(dimensions));
  onnx::Model model = builder_.build();
  for (onnx::Node& node : model.graph.nodes) {
    for (std::string& output : node.outputs) {
      if (output == value) output = name;
    }
  }
  return model;
}

}  // namespace moliere::zoo
