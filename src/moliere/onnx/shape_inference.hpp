// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/onnx/graph.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace moliere::onnx {

/// Extents for the names of symbolic dimensions.
using DimensionBindings = std::map<std::string, std::int64_t, std::less<>>;

/// Every dimension of the inputs fixed: named ones by `bindings`; the ones still open that come
/// first in their input, and those named like a batch ("batch", "batch_size", "N", "bs"), by
/// `batch`. Intermediate and output declarations that used these names are fixed as well.
/// Throws Error naming the dimension that stays open, or a binding that names nothing.
Model bind_dimensions(Model model, const DimensionBindings& bindings,
                      std::optional<std::int64_t> batch);

/// Type and concrete shape of a value.
struct ValueShape {
  DataType type = DataType::float32;
  Shape shape;
  bool operator==(const ValueShape&) const = default;
};

/// What is known of every value of a graph, by name.
struct ShapeTable {
  std::map<std::string, ValueShape, std::less<>> values;
  /// "node 'x' (NonZero): its output's shape depends on data": why a value is not in the table.
  std::vector<std::string> unknown;

  const ValueShape* find(std::string_view name) const {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : &found->second;
  }
};

/// Infers every value's type and shape from concrete inputs, with constants (Shape, Gather,
/// Concat, ... of small integer tensors) folded. Throws Error when an input is not concrete or the
/// graph contradicts itself; an operator that is not known only leaves its outputs unknown.
ShapeTable infer_shapes(const Model& model);

/// The graph's inputs/outputs as specs. Throws Error when an input is not concrete. An output that
/// is not in the table is left out.
std::vector<TensorSpec> input_specs(const Model& model);
std::vector<TensorSpec> output_specs(const Model& model, const ShapeTable& shapes);

}  // namespace moliere::onnx
