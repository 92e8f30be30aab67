// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/onnx/graph.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace moliere::onnx {

/// Reads a file: opset 7 and newer, external data beside it, initialisers as inputs (IR 3),
/// model-local functions. The graph is checked: names defined once and before their use, no
/// cycles (nodes out of order are sorted), declared sizes equal to the bytes present.
/// Throws Error for anything else; memory use is bounded by a small multiple of the bytes present.
Model load_model(const std::filesystem::path& path);

/// The same from memory. `folder` is where external data is looked up (only below it); empty:
/// external data is an error.
Model parse_model(std::span<const std::byte> bytes, const std::filesystem::path& folder = {});

/// The model as ONNX: the same bytes for the same model on every machine.
std::vector<std::byte> serialize_model(const Model& model);

/// Writes serialize_model atomically.
void save_model(const Model& model, const std::filesystem::path& path);

/// A TensorProto (the .pb files of ONNX test-data folders). Throws Error.
Tensor parse_tensor(std::span<const std::byte> bytes);
std::vector<std::byte> serialize_tensor(const Tensor& tensor, const std::string& name);

}  // namespace moliere::onnx
