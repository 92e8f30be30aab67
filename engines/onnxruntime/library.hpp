// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace moliere::engines::onnxruntime {

/// Opens libonnxruntime (once a process) and gives its functions to the C++ API: nothing of
/// namespace Ort may be used before. The file is $MOLIERE_ONNXRUNTIME_LIBRARY, else the one that
/// was found at build time. Returns the library's version. Throws engine::NotAvailable.
std::string open_library();

}  // namespace moliere::engines::onnxruntime
