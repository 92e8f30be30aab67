// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/engine_registry.hpp"
#include "moliere/bench/model_case.hpp"
#include "moliere/bench/plan.hpp"
#include "moliere/bench/result.hpp"
#include "moliere/bench/runner.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "commands.hpp"
#include <CLI/CLI.hpp>

namespace moliere::app {

/// The grammar that `bench` and `verify` share.
struct BenchOptions {
  std::vector<std::string> models;
  std::vector<std::string> engines;
  std::string baseline;
  std::string batches;
  std::string threads = "1";
  std::string streams = "1";
  std::string devices = "cpu";
  std::vector<std::string> dimensions;
  std::vector<std::string> inputs;
  std::vector<std::string> expected;
  std::vector<std::string> input_ranges;
  std::uint64_t seed = 1;
  std::string scenario = "latency";
  std::optional<double> budget_s;
  double timeout_s = 300;
  std::string memory_limit;
  double reference_limit_flops = 6e8;
  std::string output;
  std::string csv;
  bool resume = false;
  bool refresh_roofline = false;
  std::int64_t once = 0;
};

/// Models, axes, engines, inputs: what fixes what is run.
void add_plan_options(CLI::App& command, BenchOptions& options);

/// Everything of a run, resolved: nothing of it depends on the command line any more.
struct ResolvedPlan {
  std::vector<bench::EngineManifest> manifests;
  std::vector<bench::EngineChoice> engines;
  std::string baseline;
  struct Entry {
    bench::ModelRequest request;
    bench::Axes axes;
  };
  std::vector<Entry> entries;
  bench::InputSource inputs;
  bench::RunnerSettings settings;
  /// Names the plan in a journal.
  std::string fingerprint;
};

/// Throws Error for whatever does not fit.
ResolvedPlan resolve(const BenchOptions& options);

/// Runs a plan. Finished comparisons are handed to `show` as they come, and kept in the journal of
/// `output` when that is given.
bench::RunResult run_plan(const ResolvedPlan& plan, const BenchOptions& options,
                          const Context& context,
                          const std::function<void(const bench::ComparisonResult&)>& show);

}  // namespace moliere::app
