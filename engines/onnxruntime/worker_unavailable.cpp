// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/serve.hpp"

/// The twin of worker.cpp for a build without ONNX Runtime.
int main() {
  return moliere::worker::serve_unavailable(
      "onnxruntime", MOLIERE_MISSING
      ": run scripts/setup, or point -DMOLIERE_ONNXRUNTIME_INCLUDE at the headers, and build "
      "again");
}
