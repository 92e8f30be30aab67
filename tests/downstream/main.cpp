// SPDX-License-Identifier: Apache-2.0
// Evaluates a built-in model with the installed libraries.
#include "moliere/reference/evaluate.hpp"
#include "moliere/stats/quantile.hpp"
#include "moliere/zoo/zoo.hpp"

#include <iostream>
#include <vector>

int main() {
  const moliere::onnx::Model model = moliere::zoo::make(*moliere::zoo::find("higgs_model_dense"));
  const std::vector<moliere::Tensor> inputs{moliere::Tensor(moliere::DataType::float32, {1, 7})};
  const auto outputs = moliere::reference::evaluate<double>(model, inputs);
  const double middle = moliere::stats::median(outputs.at(0).to_doubles());
  std::cout << "downstream: median output " << middle << '\n';
  return middle > 0 && middle < 1 ? 0 : 1;  // a sigmoid's range
}
