// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/tensor.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// In: an ONNX file -> Out: Model, plain C++ values that show nothing of protobuf.
namespace moliere::onnx {

/// One extent as the file declares it: a number, a name ("batch"), or neither (unknown).
struct Dimension {
  std::optional<std::int64_t> value;
  std::string symbol;
  bool operator==(const Dimension&) const = default;
};

/// A named value of a graph with what the file declares of it.
struct ValueInfo {
  std::string name;
  DataType type = DataType::float32;
  /// Empty optional: the rank is not declared.
  std::optional<std::vector<Dimension>> shape;
};

struct Graph;

/// Subgraphs (If, Loop, Scan) are shared: a Node stays cheap to copy, and graphs are not changed
/// after they were read.
using AttributeValue =
    std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>,
                 std::vector<std::string>, Tensor, std::shared_ptr<const Graph>>;

/// One operation. An absent optional input or output is an empty name.
struct Node {
  std::string name;
  std::string op_type;
  /// Empty for ONNX's own operators ("ai.onnx" is normalised to it).
  std::string domain;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::map<std::string, AttributeValue, std::less<>> attributes;

  const AttributeValue* find_attribute(std::string_view key) const {
    const auto found = attributes.find(key);
    return found == attributes.end() ? nullptr : &found->second;
  }
  /// The attribute as T, or `fallback` where the node has none. Throws Error when it has another
  /// type than T.
  template <class T>
  T attribute(std::string_view key, T fallback) const {
    const AttributeValue* value = find_attribute(key);
    if (value == nullptr) return fallback;
    if (const T* typed = std::get_if<T>(value)) return *typed;
    throw_wrong_type(key);
  }

 private:
  [[noreturn]] void throw_wrong_type(std::string_view key) const;
};

/// Nodes in execution order (a definition precedes its uses), and what they work on.
struct Graph {
  std::string name;
  std::vector<Node> nodes;
  /// Weights and other constants. Owned once: copies of a graph share them.
  std::map<std::string, std::shared_ptr<const Tensor>, std::less<>> initializers;
  /// What the caller gives: inputs that are also initialisers (IR 3) are not listed.
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  /// Intermediate values for which the file declares a type or a shape.
  std::vector<ValueInfo> value_infos;

  const Tensor* find_initializer(std::string_view key) const {
    const auto found = initializers.find(key);
    return found == initializers.end() ? nullptr : found->second.get();
  }
};

/// A whole file. Model-local functions are expanded into the graph when it is read.
struct Model {
  std::int64_t ir_version = 8;
  std::string producer_name;
  std::string producer_version;
  /// Domain -> version; ONNX's own domain is "".
  std::map<std::string, std::int64_t, std::less<>> opset_imports;
  std::map<std::string, std::string, std::less<>> metadata;
  Graph graph;

  /// Version of ONNX's own operators.
  std::int64_t opset() const {
    const auto found = opset_imports.find("");
    return found == opset_imports.end() ? 1 : found->second;
  }
};

}  // namespace moliere::onnx
