// SPDX-License-Identifier: Apache-2.0
#include "moliere/onnx/builder.hpp"

#include <memory>

#include <fmt/format.h>

namespace moliere::onnx {

GraphBuilder::GraphBuilder(std::string name, std::int64_t opset, std::int64_t ir_version) {
  model_.ir_version = ir_version;
  model_.producer_name = "moliere";
  model_.opset_imports[""] = opset;
  model_.graph.name = std::move(name);
}

std::string GraphBuilder::input(std::string name, DataType type, std::vector<Dimension> shape) {
  model_.graph.inputs.push_back({name, type, std::move(shape)});
  return name;
}

std::string GraphBuilder::initializer(std::string name, Tensor value) {
  model_.graph.initializers[name] = std::make_shared<const Tensor>(std::move(value));
  return name;
}

std::string GraphBuilder::node(std::string_view op_type, std::vector<std::string> inputs,
                               std::map<std::string, AttributeValue, std::less<>> attributes,
                               std::vector<std::string> outputs) {
  const std::string name = fmt::format("{}_{}", op_type, next_++);
  if (outputs.empty()) outputs.push_back(name + "_out");
  std::string first = outputs.front();
  model_.graph.nodes.push_back({.name = name,
                                .op_type = std::string(op_type),
                                .inputs = std::move(inputs),
                                .outputs = std::move(outputs),
                                .attributes = std::move(attributes)});
  return first;
}

void GraphBuilder::output(std::string name, DataType type, std::vector<Dimension> shape) {
  model_.graph.outputs.push_back({std::move(name), type, std::move(shape)});
}

}  // namespace moliere::onnx
