// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/console.hpp"

#include <memory>

#include "bench_options.hpp"
#include "commands.hpp"
#include <fmt/format.h>

namespace moliere::app {
namespace {

void run_verify(BenchOptions options, Context& context) {
  ResolvedPlan plan = resolve(options);
  plan.settings.verify_only = true;
  const bench::RunResult result = run_plan(plan, options, context, [](const auto&) {});
  fmt::print("{}", report::verification_table(result));
  if (!options.output.empty()) fmt::print("result file: {}\n", options.output);
  bool good = true;
  for (const bench::ComparisonResult& comparison : result.comparisons) {
    good = good && !comparison.rows.empty();
    for (const bench::Row& row : comparison.rows) {
      const bool verified = row.verification.check == bench::Check::verified ||
                            row.verification.check == bench::Check::does_not_depend_on_input;
      good = good && row.outcome == bench::Outcome::measured && verified;
    }
  }
  context.exit_code = result.interrupted ? interrupted : good ? success : some_rows_failed;
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  CLI::App& command =
      *app.add_subcommand("verify", "Checks the outputs of engines against the float64 reference");
  const auto options = std::make_shared<BenchOptions>();
  options->reference_limit_flops = 1e15;
  add_plan_options(command, *options);
  command.add_option("-o,--output", options->output, "Result file (JSON)")->type_name("FILE.json");
  command.callback([options, &context] { run_verify(*options, context); });
}

}  // namespace moliere::app
