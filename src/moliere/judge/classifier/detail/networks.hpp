// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/judge/classifier/classifier.hpp"

#include <cstdint>
#include <memory>

#include <torch/nn/module.h>

namespace moliere::judge::classifier::detail {

/// Features to logits. B showers, D columns, K outputs (1 for two samples).
class Network : public torch::nn::Module {
 public:
  /// (B, D) -> (B, K).
  virtual torch::Tensor forward(const torch::Tensor& features) = 0;
};

/// With LibTorch's default initial values (the CNN's convolutions: Kaiming normal, fan-out), drawn
/// from its generator; float32 on the CPU. Throws Error when options and columns do not fit.
std::shared_ptr<Network> make_network(const ClassifierOptions& options, int columns, int outputs);

std::int64_t parameter_count(const torch::nn::Module& module);

}  // namespace moliere::judge::classifier::detail
