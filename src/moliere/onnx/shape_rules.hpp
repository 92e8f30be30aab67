// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/onnx/graph.hpp"
#include "moliere/onnx/shape_inference.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace moliere::onnx {

/// NumPy's limit; a file that declares more is damaged.
constexpr std::size_t highest_rank = 64;

/// A small tensor of whole numbers whose elements are known before any call: what shapes are
/// computed from. Integers, booleans, and floats that happen to be whole (exporters scale shapes
/// in float32).
struct KnownIntegers {
  Shape shape;
  std::vector<std::int64_t> values;
};

/// One node with what is known of its inputs.
struct ShapeCall {
  const Node& node;
  std::int64_t opset;
  /// nullptr: absent or unknown.
  std::vector<const ValueShape*> inputs;
  /// nullptr: absent or not known.
  std::vector<const KnownIntegers*> known;
  /// Inputs that are initialisers or Constant nodes; nullptr: others.
  std::vector<const Tensor*> constants;

  /// Throws UnknownShape when the input is absent or its shape is not known.
  const ValueShape& input(std::size_t index) const;
  bool has(std::size_t index) const { return index < inputs.size() && inputs[index] != nullptr; }
  /// Throws UnknownShape when the elements are not known.
  const std::vector<std::int64_t>& integers(std::size_t index) const;
  bool has_integers(std::size_t index) const {
    return index < known.size() && known[index] != nullptr;
  }
  /// The elements of a constant of any type, or of known integers. Throws UnknownShape.
  std::vector<double> numbers(std::size_t index) const;
  /// A list that is input `index` in newer operator sets and an attribute in older ones; nothing
  /// when neither is given. Throws UnknownShape for an input that depends on data.
  std::optional<std::vector<std::int64_t>> list(std::size_t index, const char* name) const;
  std::int64_t attribute(const char* name, std::int64_t fallback) const {
    return node.attribute<std::int64_t>(name, fallback);
  }
};

/// The shape cannot be known before the call; the text says why.
struct UnknownShape {
  std::string reason;
};

/// Types and shapes of the outputs. Throws UnknownShape, or Error for a graph that contradicts
/// itself.
using ShapeRule = std::vector<ValueShape> (*)(const ShapeCall&);

/// By operator name.
const std::map<std::string, ShapeRule, std::less<>>& shape_rules();

/// The elements of a tensor of few whole numbers; nothing for others.
std::optional<KnownIntegers> known_integers(const Tensor& tensor);

/// The elements of a node's first output where they follow from known integers.
std::optional<KnownIntegers> fold_integers(const ShapeCall& call);

/// Throws Error: `problem` at this node.
[[noreturn]] void throw_contradiction(const std::string& problem);
/// -1 is the last axis. Throws Error outside [-rank, rank).
std::size_t normalize_axis(std::int64_t axis, std::size_t rank);
/// NumPy's rules. Throws Error when the shapes do not fit.
Shape broadcast(const Shape& a, const Shape& b);

}  // namespace moliere::onnx
