// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/engine_registry.hpp"
#include "moliere/bench/model_case.hpp"
#include "moliere/bench/plan.hpp"
#include "moliere/bench/result.hpp"
#include "moliere/core/progress.hpp"
#include "moliere/stats/stopping.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace moliere::bench {

/// How the engines of one comparison are measured. The reasons are in docs/measuring.md.
struct RunnerSettings {
  /// Cap on the time of one comparison, worker starts included [s].
  double budget_s = 20;
  /// How long a worker may take to start, prepare, load, or for one inference [s].
  double timeout_s = 300;
  /// Address space of a worker [bytes]; 0: no limit.
  std::uint64_t memory_limit = 0;
  /// Length of one engine's turn in a round [ns]; a single call may take longer.
  std::int64_t slice_ns = 10'000'000;
  /// Rounds of one generation of processes; fewer when calls are slow.
  std::size_t rounds_per_process = 10;
  /// Samples of each slice that are kept.
  std::size_t keep = 64;
  stats::StoppingRule stopping;
  /// The reference engine refuses models above this many FLOP per call.
  double reference_limit_flops = 6e8;
  /// Only check the outputs: one process each, no rounds.
  bool verify_only = false;
};

/// Runs the engines of one comparison, interleaved over live workers, process generation after
/// process generation, until the intervals are narrow enough or the time is up. Whatever an engine
/// does wrong becomes its row's outcome; the others go on. `stop` ends it with what was measured.
class ComparisonRunner {
 public:
  ComparisonRunner(std::vector<EngineManifest> manifests, RunnerSettings settings,
                   std::filesystem::path cache, const std::atomic<bool>* stop);

  /// `engines` in the order of the table; `baseline` is the label that the pairs refer to.
  ComparisonResult run(const ModelCase& model, const CaseInputs& inputs, const Axes& axes,
                       const std::vector<EngineChoice>& engines, const std::string& baseline,
                       CaseDescription description, Progress& progress) const;

 private:
  std::vector<EngineManifest> manifests_;
  RunnerSettings settings_;
  std::filesystem::path cache_;
  const std::atomic<bool>* stop_;
};

}  // namespace moliere::bench
