// SPDX-License-Identifier: Apache-2.0
#include "moliere/onnx/graph.hpp"

#include "moliere/core/error.hpp"

namespace moliere::onnx {

void Node::throw_wrong_type(std::string_view key) const {
  throw Error(
      fmt::format("attribute '{}' of node '{}' ({}) has the wrong type", key, name, op_type),
      "the operator defines another one", "export the model again with its original tool");
}

}  // namespace moliere::onnx
