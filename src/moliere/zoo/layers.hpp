// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/onnx/builder.hpp"
#include "moliere/zoo/weights.hpp"
#include "moliere/zoo/zoo.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace moliere::zoo {

/// A list attribute.
using Integers = std::vector<std::int64_t>;

/// A graph under construction with its weights: every layer is one call that returns the name of
/// its output.
class Network {
 public:
  explicit Network(const Entry& entry);

  /// Input of `batch` events (symbolic where there is no number) with the other extents `shape`.
  std::string input(const std::string& name, const Batch& batch, const Shape& shape,
                    DataType type = DataType::float32);
  /// y = x W^T + b, W (outputs, inputs); gain 1 where no ReLU follows.
  std::string dense(const std::string& x, std::int64_t inputs, std::int64_t outputs,
                    std::int64_t gain = relu_gain);
  /// Convolution over a cube of `kernel`^dimensions, padded alike on all sides.
  struct Convolution {
    std::int64_t in = 1;
    std::int64_t out = 1;
    std::int64_t kernel = 3;
    std::int64_t pad = 0;
    std::int64_t stride = 1;
    std::size_t dimensions = 2;
    std::int64_t gain = relu_gain;
  };
  std::string conv(const std::string& x, const Convolution& shape);
  std::string conv_transpose(const std::string& x, const Convolution& shape);
  /// With running statistics near those of activations of order one.
  std::string batch_normalization(const std::string& x, std::int64_t channels);
  std::string layer_normalization(const std::string& x, std::int64_t features);
  std::string op(std::string_view type, std::vector<std::string> inputs,
                 std::map<std::string, onnx::AttributeValue, std::less<>> attributes = {});
  std::string relu(const std::string& x) { return op("Relu", {x}); }
  /// Adds a constant.
  std::string constant(const std::string& name, Tensor value);
  std::string integers(const std::string& name, const std::vector<std::int64_t>& values);
  /// Seeded weights under a name of their own.
  std::string weights(const std::string& name, Shape shape, std::int64_t fan_in, std::int64_t gain);

  /// The finished model with the one output `value`, renamed `name`.
  onnx::Model finish(const std::string& value, const std::string& name, const Batch& batch,
                     const Shape& shape);

  static onnx::Dimension dimension(const Batch& batch);

 private:
  std::string numbered(std::string_view stem) { return fmt::format("{}_{}", stem, ++count_); }

  onnx::GraphBuilder builder_;
  Weights weights_;
  int count_ = 0;
};

}  // namespace moliere::zoo
