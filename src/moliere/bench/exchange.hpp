// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/engine_registry.hpp"
#include "moliere/bench/model_case.hpp"
#include "moliere/bench/worker_process.hpp"
#include "moliere/core/file.hpp"

#include <filesystem>
#include <vector>

namespace moliere::bench {

/// Files that hold the inputs of a comparison for its workers, and where they write outputs; gone
/// with the object.
class ExchangeFolder {
 public:
  /// Throws Error when the disk is full.
  ExchangeFolder(const ModelCase& model, const CaseInputs& inputs);

  /// The request that binds all input sets.
  const worker::protocol::Bind& slots() const { return slots_; }
  /// Standard error of the worker of row number `row`.
  std::filesystem::path log(std::size_t row) const;
  /// One for each output of the model.
  std::vector<std::filesystem::path> output_files(std::size_t row) const;

 private:
  TemporaryDirectory folder_{"moliere-exchange"};
  std::size_t outputs_;
  worker::protocol::Bind slots_;
};

/// How the worker of an engine is started for `threads` intra-op threads.
WorkerLaunch launch_of(const EngineManifest& manifest, int threads, std::filesystem::path log);

}  // namespace moliere::bench
