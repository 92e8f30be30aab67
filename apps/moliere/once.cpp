// SPDX-License-Identifier: Apache-2.0
#include "once.hpp"

#include "moliere/bench/exchange.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <algorithm>

#include "console.hpp"
#include <fmt/format.h>

namespace moliere::app {

namespace protocol = worker::protocol;

void run_once(const ResolvedPlan& plan, const BenchOptions& options, Context& context) {
  if (plan.entries.size() != 1 || plan.engines.size() != 1) {
    throw Error("--once with more than one model, engine or setting",
                "a profile of several is of no use", "name one MODEL and one --engine");
  }
  const ResolvedPlan::Entry& entry = plan.entries.front();
  const bench::EngineChoice& engine = plan.engines.front();
  const auto manifest =
      std::ranges::find(plan.manifests, engine.name, &bench::EngineManifest::name);

  const TemporaryDirectory folder("moliere-once");
  ConsoleProgress progress;
  const bench::ModelCase model = bench::make_case(entry.request, folder.path());
  bench::VerificationLimits unverified;
  unverified.flops_for_all = 0;
  unverified.few_inputs = 0;
  const bench::CaseInputs inputs =
      bench::make_inputs(model, plan.inputs, unverified, folder.path(), progress);

  const bench::WorkerProcess::Seconds timeout(options.timeout_s);
  bench::WorkerProcess worker(
      bench::launch_of(*manifest, entry.axes.threads, folder.path() / "log"), timeout,
      context.stop);
  const engine::Configuration configuration{.options = engine.options,
                                            .device = entry.axes.device,
                                            .threads = entry.axes.threads,
                                            .streams = entry.axes.streams};
  const auto prepared = worker.ask<protocol::Prepared>(
      protocol::Prepare{model.file, cache_directory() / "prepared", configuration}, timeout);
  worker.ask<protocol::Loaded>(
      protocol::Load{prepared.artifact.path, configuration, model.inputs, model.outputs}, timeout);
  const bench::ExchangeFolder exchange(model, inputs);
  worker.ask<protocol::Bound>(exchange.slots(), timeout);
  worker.ask<protocol::Calibrated>(protocol::Calibrate{}, timeout);  // warms up
  progress.clear();
  fmt::print("worker {} runs {} inferences of {} under {}\n", worker.ready().pid, options.once,
             model.name, engine.label);
  std::fflush(stdout);
  const auto measured =
      worker.ask<protocol::Measured>(protocol::Measure{.max_calls = options.once}, timeout);
  fmt::print("{} calls, {:.6g} ms each (median)\n", measured.calls, measured.median_ns / 1e6);
  worker.shut_down();
}

}  // namespace moliere::app
