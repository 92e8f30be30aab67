// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/exchange.hpp"

#include "moliere/bench/tensor_files.hpp"

#include <fmt/format.h>

namespace moliere::bench {
namespace fs = std::filesystem;

ExchangeFolder::ExchangeFolder(const ModelCase& model, const CaseInputs& inputs)
    : outputs_(model.outputs.size()) {
  for (std::size_t set = 0; set < inputs.sets.size(); ++set) {
    std::vector<worker::protocol::TensorFile>& slot = slots_.slots.emplace_back();
    for (std::size_t i = 0; i < inputs.sets[set].size(); ++i) {
      const Tensor& tensor = inputs.sets[set][i];
      const fs::path file = folder_.path() / fmt::format("in_{}_{}.bin", set, i);
      write_raw(file, tensor);
      slot.push_back({{model.inputs[i].name, tensor.type(), tensor.shape()}, file});
    }
  }
}

fs::path ExchangeFolder::log(std::size_t row) const {
  return folder_.path() / fmt::format("worker_{}.log", row);
}

std::vector<fs::path> ExchangeFolder::output_files(std::size_t row) const {
  std::vector<fs::path> files;
  for (std::size_t i = 0; i < outputs_; ++i) {
    files.push_back(folder_.path() / fmt::format("out_{}_{}.bin", row, i));
  }
  return files;
}

WorkerLaunch launch_of(const EngineManifest& manifest, int threads, fs::path log) {
  if (!manifest.broken.empty()) {
    throw WorkerFailure({Outcome::not_available, "start", manifest.broken});
  }
  WorkerLaunch launch{.command = manifest.command, .log = std::move(log)};
  for (const auto& [key, value] : manifest.environment) {
    launch.environment[key] = value == "{threads}" ? fmt::to_string(threads) : value;
  }
  return launch;
}

}  // namespace moliere::bench
