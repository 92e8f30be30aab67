// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "bench_options.hpp"
#include "commands.hpp"

namespace moliere::app {

/// `bench --once N`: one engine, one model, exactly N inferences after warm-up, so that a profiler
/// sees little else; prints the worker's process number before they begin. The marked calls run
/// inside the function `moliere_marked_inferences` (perf report --parent, VTune's caller filter).
/// Throws Error when the plan holds more than one comparison or engine.
void run_once(const ResolvedPlan& plan, const BenchOptions& options, Context& context);

}  // namespace moliere::app
