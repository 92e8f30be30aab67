// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/onnx/graph.hpp"
#include "moliere/onnx/shape_inference.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace moliere::onnx {

/// What one node, or a whole graph, has to do per call, whatever engine does it.
struct Cost {
  /// Elements of the floating-point weights it reads.
  std::int64_t parameters = 0;
  /// Multiply-accumulates of Gemm, MatMul, Conv, ConvTranspose, recurrent layers, attention.
  std::int64_t macs = 0;
  /// Floating-point operations: two for a multiply-accumulate, one for each other addition,
  /// multiplication, comparison; transcendental functions count 1 as well (docs/measuring.md).
  std::int64_t flops = 0;
  /// Bytes read (inputs and weights, each once) and written (outputs); views move none.
  std::int64_t bytes_read = 0;
  std::int64_t bytes_written = 0;
};

struct NodeCost {
  std::string node;
  std::string op_type;
  std::string output_shape;
  Cost cost;
  /// False where shapes are unknown or the operator is: the figures are then a lower bound.
  bool complete = true;
};

/// The least memory that any engine needs for one call [bytes].
struct MemoryBound {
  /// Weights (initialisers and Constant nodes) that are read by a node that matters for an output.
  std::int64_t weights = 0;
  /// The largest set of activations alive at once along the file's order; views are free; the
  /// caller's inputs and outputs are not in it.
  std::int64_t activations = 0;
  /// The caller's own.
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
  /// The node at which `activations` is reached.
  std::string peak_node;

  std::int64_t total() const { return weights + activations; }
};

struct GraphCost {
  std::vector<NodeCost> nodes;
  /// For the graph: weights once, activations between nodes written and read.
  Cost total;
  /// Bytes that must cross the memory's border when everything between nodes stays in caches:
  /// weights + inputs + outputs. The roofline uses this.
  std::int64_t compulsory_bytes = 0;
  MemoryBound memory;
  bool complete = true;
};

/// Needs concrete inputs (bind_dimensions). Throws Error as infer_shapes does.
GraphCost graph_cost(const Model& model, const ShapeTable& shapes);

}  // namespace moliere::onnx
