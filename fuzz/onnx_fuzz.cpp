// SPDX-License-Identifier: Apache-2.0
// Any bytes as an ONNX file: read, shapes, cost, written again. moliere::Error is the only way to
// refuse them; every other exception, a crash, a hang or a flood of memory is a bug of ours.
#include "moliere/core/error.hpp"
#include "moliere/onnx/cost.hpp"
#include "moliere/onnx/model_file.hpp"
#include "moliere/onnx/shape_inference.hpp"

#include <cstdint>
#include <cstdlib>
#include <span>

namespace {

using namespace moliere;

void infer(const onnx::Model& model) {
  try {
    const onnx::Model bound = onnx::bind_dimensions(model, {}, 2);
    const onnx::ShapeTable shapes = onnx::infer_shapes(bound);
    onnx::output_specs(bound, shapes);
    const onnx::GraphCost cost = onnx::graph_cost(bound, shapes);
    if (cost.total.flops < 0 || cost.memory.activations < 0 || cost.memory.weights < 0)
      std::abort();
  } catch (const Error&) {
    // a graph that contradicts itself
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  onnx::Model model;
  try {
    model = onnx::parse_model(bytes);
  } catch (const Error&) {
    return 0;
  }
  infer(model);
  // What was accepted is a model that can be written and read again, with the same bytes.
  const auto written = onnx::serialize_model(model);
  if (onnx::serialize_model(onnx::parse_model(written)) != written) std::abort();
  return 0;
}
