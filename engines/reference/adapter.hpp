// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/engine/engine.hpp"

#include <memory>

/// In: an ONNX file -> Out: engine::Session over reference::evaluate.
namespace moliere::engines::reference {

std::unique_ptr<engine::Engine> make_engine();

}  // namespace moliere::engines::reference
