// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/onnx/graph.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moliere::onnx {

/// Builds a Model node by node; each call returns the name of the value that it defines.
class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name, std::int64_t opset = 17, std::int64_t ir_version = 8);

  std::string input(std::string name, DataType type, std::vector<Dimension> shape);
  /// Adds a constant.
  std::string initializer(std::string name, Tensor value);
  /// Adds a node `<op_type>_<n>` with one output `<op_type>_<n>_out`, or `outputs` when given, and
  /// returns the name of the first.
  std::string node(std::string_view op_type, std::vector<std::string> inputs,
                   std::map<std::string, AttributeValue, std::less<>> attributes = {},
                   std::vector<std::string> outputs = {});
  void output(std::string name, DataType type, std::vector<Dimension> shape);

  /// The finished model; the builder is empty afterwards.
  Model build() { return std::move(model_); }

 private:
  Model model_;
  int next_ = 0;
};

}  // namespace moliere::onnx
