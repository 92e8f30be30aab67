// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/onnx/graph.hpp"
#include "moliere/reference/value.hpp"

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace moliere::reference {

/// Which of two equivalent evaluations the expensive operators use.
enum class Path {
  /// Loops as in the equations.
  readable,
  /// Blocked, vectorised, threaded: for models of many GFLOP; held to the readable one by tests.
  blocked,
};

/// One operator applied to its inputs.
template <class Scalar>
struct Call {
  const onnx::Node& node;
  /// Version of the operator set of the node's domain.
  std::int64_t opset;
  Path path;
  /// nullptr: an optional input that is not given. Trailing ones may be missing.
  std::span<const Value<Scalar>* const> inputs;

  bool has(std::size_t index) const { return index < inputs.size() && inputs[index] != nullptr; }
  /// Throws Error when the input is not given.
  const Value<Scalar>& input(std::size_t index) const;
};

/// Returns one value per output of the node. Throws Error for inputs that the operator forbids.
template <class Scalar>
using Kernel = std::vector<Value<Scalar>> (*)(const Call<Scalar>&);

/// Operator name -> function, for ONNX's own domain. If, Loop and Scan are the evaluator's.
template <class Scalar>
using KernelTable = std::map<std::string, Kernel<Scalar>, std::less<>>;

/// Each file of operators adds its own; see operators_*.cpp.
template <class Scalar>
void add_elementwise_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_logic_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_movement_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_gather_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_generator_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_reduction_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_selection_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_linear_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_convolution_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_pooling_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_sampling_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_normalization_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_recurrent_operators(KernelTable<Scalar>& table);
template <class Scalar>
void add_attention_operators(KernelTable<Scalar>& table);

}  // namespace moliere::reference
