// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/serve.hpp"

#include "adapter.hpp"

int main() {
  return moliere::worker::serve("onnxruntime", moliere::engines::onnxruntime::make_engine);
}
