// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/runner.hpp"

#include "moliere/bench/calibration_kernel.hpp"
#include "moliere/bench/exchange.hpp"
#include "moliere/bench/tensor_files.hpp"
#include "moliere/bench/worker_process.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

namespace moliere::bench {
namespace fs = std::filesystem;
namespace protocol = worker::protocol;
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = WorkerProcess::Seconds;

/// The clock's cost must stay below 1 % of a sample.
constexpr double clock_cost_share = 0.01;
/// Calls after the timed ones whose outputs are checked again: an engine may be right only the
/// first time.
constexpr std::size_t later_checks = 2;

/// Throws WorkerFailure where the files are not what the worker says.
std::vector<Tensor> read_outputs(const protocol::Inferred& reply, std::size_t expected) {
  if (reply.outputs.size() != expected) {
    throw WorkerFailure(
        {Outcome::protocol_error, "infer",
         fmt::format("{} outputs came instead of {}", reply.outputs.size(), expected)});
  }
  try {
    std::vector<Tensor> outputs;
    for (const protocol::TensorFile& output : reply.outputs) {
      outputs.push_back(read_raw(output.file, output.spec));
    }
    return outputs;
  } catch (const Error& error) {
    throw WorkerFailure({Outcome::protocol_error, "infer", error.what()});
  }
}

/// One row while it is measured: its live worker, if any, and its verifier.
struct Contestant {
  Row row;
  const EngineManifest* manifest = nullptr;
  std::unique_ptr<WorkerProcess> worker;
  Verifier verifier;
  std::size_t number = 0;

  bool is_running() const { return worker != nullptr; }
};

/// One run of ComparisonRunner::run: its state, so that each step reads as one function.
class Contest {
 public:
  Contest(const RunnerSettings& settings, const fs::path& cache, const std::atomic<bool>* stop,
          const ModelCase& model, const CaseInputs& inputs, const Axes& axes)
      : settings_(settings),
        cache_(cache),
        stop_(stop),
        model_(model),
        inputs_(inputs),
        axes_(axes),
        exchange_(model, inputs),
        started_(Clock::now()) {}

  void add(const EngineChoice& choice, const std::vector<EngineManifest>& manifests) {
    Contestant contestant{.row = {.engine = choice},
                          .verifier = Verifier(inputs_.expectation),
                          .number = contestants_.size()};
    const auto found = std::ranges::find(manifests, choice.name, &EngineManifest::name);
    if (found == manifests.end()) {
      set_failure(contestant,
                  {Outcome::not_available, "start", "no engine of this name is installed"});
    } else {
      contestant.manifest = &*found;
    }
    const auto flops = static_cast<double>(model_.cost.total.flops);
    if (choice.name == "reference" && flops > settings_.reference_limit_flops) {
      set_failure(
          contestant,
          {Outcome::not_supported, "start",
           fmt::format("the reference is timed up to {:.2g} FLOP a call (--reference-limit)",
                       settings_.reference_limit_flops)});
    }
    contestants_.push_back(std::move(contestant));
  }

  /// All generations of processes. Fills `result`.
  void measure(ComparisonResult& result, const std::string& baseline, Progress& progress) {
    const Telemetry before = read_telemetry();
    try {
      for (std::size_t generation = 0; result.stopped_by.empty(); ++generation) {
        run_generation(generation, result, progress);
        collect(result);
        derive_statistics(result, baseline);
        result.stopped_by = reason_to_stop(generation + 1, result);
      }
    } catch (const Interrupted&) {
      result.stopped_by = "interrupted";
      for (Contestant& contestant : contestants_) {
        contestant.worker.reset();
        if (contestant.row.outcome == Outcome::measured && !has_samples(contestant)) {
          set_failure(contestant, {Outcome::interrupted, "measure", "stopped by the user"});
        }
      }
    }
    collect(result);
    derive_statistics(result, baseline);
    result.telemetry = between(before, read_telemetry());
    result.seconds = elapsed();
  }

 private:
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - started_).count(); }

  static void set_failure(Contestant& contestant, const Failure& failure) {
    contestant.row.outcome = failure.outcome;
    contestant.row.phase = failure.phase;
    contestant.row.reason = failure.reason;
    contestant.worker.reset();
  }

  static bool has_samples(const Contestant& contestant) {
    return std::ranges::any_of(contestant.row.processes, [](const ProcessRecord& process) {
      return !process.slices.empty();
    });
  }

  /// Runs `step` for one contestant; a failure of its worker becomes the row's outcome.
  template <class Step>
  static void guarded(Contestant& contestant, Step&& step) {
    try {
      step();
    } catch (const WorkerFailure& failure) {
      set_failure(contestant, failure.failure());
    }
  }

  std::vector<Contestant*> in_order(std::size_t round) {
    std::vector<Contestant*> able;
    for (Contestant& contestant : contestants_) {
      if (contestant.row.outcome == Outcome::measured) able.push_back(&contestant);
    }
    std::vector<Contestant*> ordered;
    for (const std::size_t index : balanced_order(able.size(), round))
      ordered.push_back(able[index]);
    return ordered;
  }

  void run_generation(std::size_t generation, ComparisonResult& result, Progress& progress) {
    for (Contestant* contestant : in_order(generation)) {
      tell(progress, fmt::format("{}: start {}", contestant->row.engine.label, generation + 1));
      guarded(*contestant, [&] { start(*contestant, generation == 0); });
    }
    if (!settings_.verify_only) run_rounds(generation, result, progress);
    for (Contestant* contestant : in_order(generation)) {
      guarded(*contestant, [&] {
        check_later_calls(*contestant);
        contestant->worker->shut_down();
      });
      contestant->worker.reset();
    }
  }

  /// Starts a worker and brings it to the steady state, recording each phase.
  void start(Contestant& contestant, bool first_process) {
    Row& row = contestant.row;
    WorkerLaunch launch =
        launch_of(*contestant.manifest, axes_.threads, exchange_.log(contestant.number));
    launch.memory_limit = settings_.memory_limit;
    const Seconds timeout(settings_.timeout_s);
    contestant.worker = std::make_unique<WorkerProcess>(launch, timeout, stop_);
    WorkerProcess& worker = *contestant.worker;
    const protocol::Ready& ready = worker.ready();
    row.version = ready.engine.version;
    ProcessRecord record{.start_ns = worker.start_ns(),
                         .library_ns = ready.ready_ns - ready.started_ns,
                         .clock_ns = ready.clock_ns,
                         .overhead_ns = ready.overhead_ns};

    const engine::Configuration configuration{.options = row.engine.options,
                                              .device = axes_.device,
                                              .threads = axes_.threads,
                                              .streams = axes_.streams};
    const auto prepared = worker.ask<protocol::Prepared>(
        protocol::Prepare{model_.file, cache_ / "prepared", configuration}, timeout);
    record.prepare_ns = prepared.elapsed_ns;
    record.prepared_from_cache = prepared.artifact.from_cache;
    row.route = prepared.artifact.route;

    const auto loaded = worker.ask<protocol::Loaded>(
        protocol::Load{prepared.artifact.path, configuration, model_.inputs, model_.outputs},
        timeout);
    record.load_ns = loaded.elapsed_ns;
    row.options = loaded.options;
    row.notes = loaded.notes;

    record.bind_ns = worker.ask<protocol::Bound>(exchange_.slots(), timeout).elapsed_ns;
    record.first_ns = infer(contestant, 0, first_process);
    if (first_process) check_other_sets(contestant);
    if (!settings_.verify_only) {
      const double sample_ns = record.clock_ns / clock_cost_share;
      record.calls_per_sample =
          worker
              .ask<protocol::Calibrated>(
                  protocol::Calibrate{static_cast<std::int64_t>(std::ceil(sample_ns))}, timeout)
              .calls_per_sample;
    }
    row.processes.push_back(std::move(record));
  }

  /// How many input sets have their outputs looked at: those with a truth, or, without any, all
  /// (engines are then compared with each other).
  std::size_t checked_sets() const {
    return inputs_.expectation.outputs.empty() ? 1 : inputs_.expectation.inputs;
  }

  /// One call outside the timed region; with `check` its outputs go to the verifier.
  std::int64_t infer(Contestant& contestant, std::size_t set, bool check, bool later = false) {
    protocol::Infer request{.slot = set};
    if (check) request.files = exchange_.output_files(contestant.number);
    const auto reply =
        contestant.worker->ask<protocol::Inferred>(request, Seconds(settings_.timeout_s));
    if (check) contestant.verifier.add(set, read_outputs(reply, model_.outputs.size()), later);
    return reply.elapsed_ns;
  }

  /// All sets that have a truth, but the first, which the first inference was for; of a slow engine
  /// as many as fit into a share of the time.
  void check_other_sets(Contestant& contestant) {
    constexpr std::size_t fewest = 4;
    constexpr double share_of_budget = 0.2;
    const double end = elapsed() + share_of_budget * settings_.budget_s;
    for (std::size_t set = 1; set < checked_sets(); ++set) {
      if (set >= fewest && !settings_.verify_only && elapsed() > end) break;
      infer(contestant, set, true);
    }
  }

  void check_later_calls(Contestant& contestant) {
    for (std::size_t set = 0; set < std::min(later_checks, checked_sets()); ++set) {
      infer(contestant, set, true, true);
    }
  }

  void run_rounds(std::size_t generation, ComparisonResult& result, Progress& progress) {
    // Processes vary as well as rounds: one generation may not eat the time of the others.
    const double left = std::max(settings_.budget_s - elapsed(), 0.0);
    const std::size_t minimum = settings_.stopping.minimum_processes;
    const double share = generation < minimum ? static_cast<double>(minimum - generation) : 1.0;
    const Clock::time_point deadline =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(left / share));
    for (std::size_t round = 0; round < settings_.rounds_per_process; ++round) {
      if (round > 0 && Clock::now() >= deadline) break;
      tell(progress, fmt::format("start {}, round {}", generation + 1, round + 1));
      for (Contestant* contestant : in_order(generation + round)) {
        guarded(*contestant, [&] { measure_slice(*contestant); });
      }
      result.calibration_ns.push_back(calibration_kernel_ns());
    }
  }

  void measure_slice(Contestant& contestant) {
    ProcessRecord& process = contestant.row.processes.back();
    process.slices.push_back(contestant.worker->ask<protocol::Measured>(
        protocol::Measure{.duration_ns = settings_.slice_ns,
                          .calls_per_sample = process.calls_per_sample,
                          .keep = settings_.keep},
        Seconds(settings_.timeout_s)));
  }

  /// Copies the rows into the result, as far as they are.
  void collect(ComparisonResult& result) {
    result.rows.clear();
    for (const Contestant& contestant : contestants_) {
      result.rows.push_back(contestant.row);
      result.rows.back().verification = contestant.verifier.result();
    }
  }

  /// "" to go on.
  std::string reason_to_stop(std::size_t generations, const ComparisonResult& result) {
    if (settings_.verify_only) return "verified";
    if (in_order(0).empty()) return "no engine left";
    std::vector<stats::Ratio> ratios;
    for (const Pair& pair : result.pairs) ratios.push_back(pair.ratio);
    std::vector<stats::Estimate> times;
    for (const Row& row : result.rows) {
      if (row.statistics) times.push_back(row.statistics->call_ns);
    }
    const std::optional<stats::StopReason> reason =
        stats::stop_reason(settings_.stopping, {.processes = generations,
                                                .rounds = rounds_of_shortest(result),
                                                .pairs = ratios,
                                                .medians = times,
                                                .elapsed_s = elapsed(),
                                                .time_cap_s = settings_.budget_s});
    return reason ? std::string(stats::to_string(*reason)) : "";
  }

  static std::size_t rounds_of_shortest(const ComparisonResult& result) {
    std::size_t rounds = std::numeric_limits<std::size_t>::max();
    for (const Row& row : result.rows) {
      if (row.outcome != Outcome::measured) continue;
      for (const ProcessRecord& process : row.processes) {
        rounds = std::min(rounds, process.slices.size());
      }
    }
    return rounds;
  }

  void tell(Progress& progress, const std::string& what) const {
    progress.update(std::min(elapsed(), settings_.budget_s), settings_.budget_s, what);
  }

  const RunnerSettings& settings_;
  const fs::path& cache_;
  const std::atomic<bool>* stop_;
  const ModelCase& model_;
  const CaseInputs& inputs_;
  const Axes& axes_;
  ExchangeFolder exchange_;
  Clock::time_point started_;
  std::vector<Contestant> contestants_;
};

}  // namespace

ComparisonRunner::ComparisonRunner(std::vector<EngineManifest> manifests, RunnerSettings settings,
                                   fs::path cache, const std::atomic<bool>* stop)
    : manifests_(std::move(manifests)),
      settings_(settings),
      cache_(std::move(cache)),
      stop_(stop) {}

ComparisonResult ComparisonRunner::run(const ModelCase& model, const CaseInputs& inputs,
                                       const Axes& axes, const std::vector<EngineChoice>& engines,
                                       const std::string& baseline, CaseDescription description,
                                       Progress& progress) const {
  Contest contest(settings_, cache_, stop_, model, inputs, axes);
  for (const EngineChoice& engine : engines) contest.add(engine, manifests_);
  ComparisonResult result;
  result.description = std::move(description);
  result.input_sets = inputs.sets.size();
  contest.measure(result, baseline, progress);
  return result;
}

}  // namespace moliere::bench
