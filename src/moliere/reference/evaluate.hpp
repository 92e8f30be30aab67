// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/tensor.hpp"
#include "moliere/onnx/graph.hpp"
#include "moliere/reference/kernel.hpp"

#include <span>
#include <string>
#include <vector>

/// In: onnx::Model, input tensors -> Out: output tensors, the truth that engines are held to.
namespace moliere::reference {

/// Outputs of `model` for `inputs` (in the order of graph.inputs), computed in `Scalar`
/// arithmetic: double for the truth, float for what single precision costs. Floating-point outputs
/// come back as float64 tensors for Scalar = double and float32 ones for float, whatever the
/// declared type, so that no digit is lost; the other types as declared.
/// Throws Error naming the node for an operator that it lacks, a wrong shape, a missing input.
template <class Scalar>
std::vector<Tensor> evaluate(const onnx::Model& model, std::span<const Tensor> inputs,
                             Path path = Path::blocked);

/// Names of the operators of `model`, subgraphs included, that the reference lacks; empty: it can
/// evaluate the model.
std::vector<std::string> missing_operators(const onnx::Model& model);

/// All operators of ONNX's own domain that the reference has, sorted.
std::vector<std::string> operator_names();

}  // namespace moliere::reference
