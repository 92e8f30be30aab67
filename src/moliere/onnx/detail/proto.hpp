// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/tensor.hpp"
#include "moliere/onnx/graph.hpp"

#include <filesystem>
#include <optional>
#include <string>

#include <onnx-ml.pb.h>

/// Between protobuf and our values: only the sources of this folder include it.
namespace moliere::onnx::detail {

/// Our element type, or nothing for one that we do not have (string, complex, float8, int4, ...).
std::optional<DataType> data_type_from_proto(int type);
int data_type_to_proto(DataType type);
/// "STRING", "FLOAT8E4M3FN", or the number of one that the schema does not know.
std::string type_name(int type);

/// `what` names the tensor in errors; `folder` is where external data may lie (empty: nowhere).
/// Throws Error; allocates only what the bytes present justify.
Tensor tensor_from_proto(const ::onnx::TensorProto& proto, const std::string& what,
                         const std::filesystem::path& folder);
void tensor_to_proto(const Tensor& tensor, const std::string& name, ::onnx::TensorProto& proto);

/// Puts the nodes into execution order, keeping the file's where it is one. Values that nothing
/// in the graph defines are an Error unless `is_subgraph` (they may come from outside).
/// Throws Error for a cycle and for names that are defined twice.
void sort_nodes(Graph& graph, bool is_subgraph);

}  // namespace moliere::onnx::detail
