// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/onnx/graph.hpp"

#include <string>
#include <vector>

namespace moliere::onnx {

/// "node 'x' (Conv)": how errors name a node.
std::string describe(const Node& node);

/// Names that a node reads: its inputs and what its subgraphs take from the graph around them.
std::vector<std::string> names_read(const Node& node);

/// Names that a graph reads and does not define: those of the graph around it.
std::vector<std::string> free_names(const Graph& graph);

}  // namespace moliere::onnx
