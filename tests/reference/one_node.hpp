// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/random.hpp"
#include "moliere/onnx/builder.hpp"
#include "moliere/reference/evaluate.hpp"

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace moliere::reference {

using Attributes = std::map<std::string, onnx::AttributeValue, std::less<>>;
using Ints = std::vector<std::int64_t>;

/// A float64 tensor of these elements.
inline Tensor real(Shape shape, const std::vector<double>& elements) {
  return Tensor::from<double>(std::move(shape), elements);
}
/// One sequence of one channel, (1, 1, n).
inline Tensor line(const std::vector<double>& elements) {
  return real({1, 1, static_cast<std::int64_t>(elements.size())}, elements);
}
inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline Tensor integer(Shape shape, const Ints& elements) {
  return Tensor::from<std::int64_t>(std::move(shape), elements);
}
/// Elements in [-1, 1).
inline Tensor random_real(Shape shape, RandomStream& random) {
  Tensor tensor(DataType::float64, std::move(shape));
  for (double& element : tensor.data<double>()) element = random.uniform(-1, 1);
  return tensor;
}

/// One operator on its own; std::nullopt is an optional input that is not given.
struct OneNode {
  std::string op_type;
  std::vector<std::optional<Tensor>> inputs;
  Attributes attributes = {};
  std::size_t outputs = 1;
  std::int64_t opset = 23;

  std::vector<Tensor> run(Path path = Path::readable) const {
    onnx::GraphBuilder builder("one_node", opset);
    std::vector<std::string> names;
    std::vector<Tensor> given;
    for (const std::optional<Tensor>& input : inputs) {
      if (!input) {
        names.emplace_back();
        continue;
      }
      std::vector<onnx::Dimension> shape;
      for (const std::int64_t extent : input->shape()) shape.push_back({.value = extent});
      names.push_back(builder.input("in" + std::to_string(names.size()), input->type(), shape));
      given.push_back(*input);
    }
    std::vector<std::string> results;
    for (std::size_t i = 0; i < outputs; ++i) results.push_back("out" + std::to_string(i));
    builder.node(op_type, names, attributes, results);
    for (const std::string& name : results) builder.output(name, DataType::float64, {});
    return evaluate<double>(builder.build(), given, path);
  }
  /// The first result.
  Tensor operator()(Path path = Path::readable) const { return run(path).at(0); }
};

inline void expect_near(const Tensor& actual, const Tensor& expected, double tolerance = 1e-12) {
  ASSERT_EQ(actual.shape(), expected.shape());
  const std::vector<double> a = actual.to_doubles();
  const std::vector<double> e = expected.to_doubles();
  for (std::size_t i = 0; i < e.size(); ++i) {
    ASSERT_NEAR(a[i], e[i], tolerance * std::max(1.0, std::abs(e[i]))) << "element " << i;
  }
}

/// The two paths are held to each other.
inline void expect_paths_agree(const OneNode& node) {
  expect_near(node(Path::blocked), node(Path::readable));
}

}  // namespace moliere::reference
