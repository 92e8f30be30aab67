// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/engine/engine.hpp"

#include <memory>

/// In: an ONNX file -> Out: engine::Session over Ort::Session, on the CPU.
namespace moliere::engines::onnxruntime {

/// Opens the library and starts ONNX Runtime's environment without telemetry. Throws
/// engine::NotAvailable where the library is missing or too old.
std::unique_ptr<engine::Engine> make_engine();

}  // namespace moliere::engines::onnxruntime
