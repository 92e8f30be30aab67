// SPDX-License-Identifier: Apache-2.0
#include "moliere/onnx/names.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace moliere::onnx {

std::string describe(const Node& node) {
  return node.name.empty() ? fmt::format("a node ({})", node.op_type)
                           : fmt::format("node '{}' ({})", node.name, node.op_type);
}

std::vector<std::string> names_read(const Node& node) {
  std::vector<std::string> names;
  for (const std::string& input : node.inputs) {
    if (!input.empty()) names.push_back(input);
  }
  for (const auto& [key, value] : node.attributes) {
    if (const auto* subgraph = std::get_if<std::shared_ptr<const Graph>>(&value)) {
      for (std::string& name : free_names(**subgraph)) names.push_back(std::move(name));
    }
  }
  return names;
}

std::vector<std::string> free_names(const Graph& graph) {
  std::set<std::string> defined;
  for (const ValueInfo& input : graph.inputs) defined.insert(input.name);
  for (const auto& [name, tensor] : graph.initializers) defined.insert(name);
  for (const Node& node : graph.nodes) defined.insert(node.outputs.begin(), node.outputs.end());
  std::set<std::string> missing;
  const auto read = [&](const std::string& name) {
    if (!defined.contains(name)) missing.insert(name);
  };
  for (const Node& node : graph.nodes) std::ranges::for_each(names_read(node), read);
  for (const ValueInfo& output : graph.outputs) read(output.name);
  return {missing.begin(), missing.end()};
}

}  // namespace moliere::onnx
