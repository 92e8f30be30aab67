// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/result_file.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/report/console.hpp"
#include "moliere/report/csv.hpp"

#include <memory>

#include "bench_options.hpp"
#include "commands.hpp"
#include "once.hpp"
#include <fmt/format.h>

namespace moliere::app {
namespace {

bool every_row_is_good(const bench::RunResult& result) {
  for (const bench::ComparisonResult& comparison : result.comparisons) {
    if (comparison.rows.empty()) return false;
    for (const bench::Row& row : comparison.rows) {
      const bool expected =
          row.outcome == bench::Outcome::measured || row.outcome == bench::Outcome::not_supported;
      if (!expected || row.verification.check == bench::Check::wrong) return false;
    }
  }
  return true;
}

void run_bench(const BenchOptions& options, Context& context) {
  const ResolvedPlan plan = resolve(options);
  if (options.once > 0) {
    run_once(plan, options, context);
    return;
  }
  if (options.resume && options.output.empty()) {
    throw Error("--resume without -o", "the journal lies beside the result file",
                "give the -o FILE.json of the run that is to go on");
  }
  const bench::RunResult result = run_plan(plan, options, context, [](const auto& comparison) {
    fmt::print("{}\n", report::comparison_table(comparison));
    std::fflush(stdout);
  });
  if (!options.csv.empty()) write_atomically(options.csv, report::to_csv(result));
  fmt::print("{}{}", report::machine_summary(result), report::run_summary(result));
  if (!options.output.empty()) fmt::print("result file: {}\n", options.output);
  context.exit_code = result.interrupted          ? interrupted
                      : every_row_is_good(result) ? success
                                                  : some_rows_failed;
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand(
      "bench", "Times models under engines, interleaved, with verified outputs");
  const auto options = std::make_shared<BenchOptions>();
  add_plan_options(command, *options);
  command
      .add_option("--baseline", options->baseline, "Engine that the ratios refer to [the first]")
      ->type_name("ENGINE");
  command
      .add_option("--scenario", options->scenario,
                  "latency: the model's own batch, or 1; throughput: batch 64 where it is free")
      ->check(CLI::IsMember({"latency", "throughput"}))
      ->capture_default_str();
  command
      .add_option("--budget", options->budget_s,
                  "Cap on the time of all measurements, shared among the comparisons [20 s each]")
      ->type_name("SECONDS")
      ->check(positive());
  command.add_option("-o,--output", options->output, "Result file (JSON)")->type_name("FILE.json");
  command.add_option("--csv", options->csv, "Table as CSV")->type_name("FILE.csv");
  command.add_flag("--resume", options->resume,
                   "Goes on with the run whose journal lies beside -o");
  command.add_flag("--refresh-roofline", options->refresh_roofline,
                   "Measures the machine's limits again");
  command
      .add_option("--once", options->once,
                  "Exactly N inferences of one model under one engine, for perf or VTune")
      ->type_name("N")
      ->check(positive());
  command.callback([options, &context] { run_bench(*options, context); });
}

}  // namespace moliere::app
