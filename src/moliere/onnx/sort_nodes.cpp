// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"
#include "moliere/onnx/detail/proto.hpp"
#include "moliere/onnx/names.hpp"

#include <algorithm>
#include <queue>
#include <unordered_map>

#include <fmt/format.h>

namespace moliere::onnx::detail {
namespace {

/// Producer of each name: an index into nodes, or `given` for inputs and initialisers.
constexpr std::size_t given = static_cast<std::size_t>(-1);

std::unordered_map<std::string, std::size_t> producers(const Graph& graph) {
  std::unordered_map<std::string, std::size_t> result;
  const auto define = [&](const std::string& name, std::size_t producer) {
    if (!result.emplace(name, producer).second) {
      throw Error(fmt::format("the value '{}' is defined twice", name),
                  "each name of a graph has one definition", "export the model again");
    }
  };
  for (const ValueInfo& input : graph.inputs) define(input.name, given);
  for (const auto& [name, tensor] : graph.initializers) define(name, given);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& output : graph.nodes[i].outputs) {
      if (!output.empty()) define(output, i);
    }
  }
  return result;
}

}  // namespace

void sort_nodes(Graph& graph, bool is_subgraph) {
  const auto producer_of = producers(graph);
  // Kahn's algorithm with the lowest index first, so that a file in order stays as it is.
  std::vector<std::size_t> waits_for(graph.nodes.size());
  std::vector<std::vector<std::size_t>> needed_by(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& name : names_read(graph.nodes[i])) {
      const auto found = producer_of.find(name);
      if (found == producer_of.end()) {
        if (is_subgraph) continue;
        throw Error(fmt::format("{} reads '{}'", describe(graph.nodes[i]), name),
                    "nothing in the model defines that value", "export the model again");
      }
      if (found->second == given) continue;
      needed_by[found->second].push_back(i);
      ++waits_for[i];
    }
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (waits_for[i] == 0) ready.push(i);
  }
  std::vector<Node> sorted;
  sorted.reserve(graph.nodes.size());
  std::vector<bool> done(graph.nodes.size());
  while (!ready.empty()) {
    const std::size_t i = ready.top();
    ready.pop();
    done[i] = true;
    for (const std::size_t user : needed_by[i]) {
      if (--waits_for[user] == 0) ready.push(user);
    }
    sorted.push_back(std::move(graph.nodes[i]));
  }
  if (sorted.size() != graph.nodes.size()) {
    const auto stuck = static_cast<std::size_t>(std::ranges::find(done, false) - done.begin());
    throw Error(fmt::format("{} waits for its own result", describe(graph.nodes[stuck])),
                "the graph has a cycle", "export the model again");
  }
  graph.nodes = std::move(sorted);
  for (const ValueInfo& output : graph.outputs) {
    if (!is_subgraph && !producer_of.contains(output.name)) {
      throw Error(fmt::format("the output '{}' has no definition", output.name),
                  "no node, input or initialiser of the model makes it", "export the model again");
    }
  }
}

}  // namespace moliere::onnx::detail
