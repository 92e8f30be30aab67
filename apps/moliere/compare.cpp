// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/compare.hpp"

#include "moliere/bench/result_file.hpp"
#include "moliere/core/error.hpp"

#include <algorithm>
#include <memory>

#include "commands.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::app {
namespace {

struct CompareOptions {
  std::string before;
  std::string after;
  bool force = false;
};

void run_compare(const CompareOptions& options, Context& context) {
  const report::ResultComparison comparison = report::compare_results(
      bench::read_result(options.before), bench::read_result(options.after));
  if (!comparison.obstacles.empty() && !options.force) {
    throw Error(
        "the files are not comparable", fmt::format("{}", fmt::join(comparison.obstacles, "; ")),
        "measure both in one interleaved run, or use --force to see the figures all the same");
  }
  fmt::print("{}", report::changes_table(comparison));
  fmt::print(
      "two runs share nothing but the machine: one interleaved run (moliere bench --engine "
      "A --engine B)\nfinds smaller differences, more surely\n");
  const auto is_slower = [](const report::Change& change) {
    return change.problem.empty() && change.verdict == stats::Verdict::slower;
  };
  if (std::ranges::any_of(comparison.changes, is_slower)) context.exit_code = slower;
}

}  // namespace

void add_compare(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand(
      "compare", "Compares two result files row by row; exit code 3 when something became slower");
  const auto options = std::make_shared<CompareOptions>();
  command.add_option("before", options->before, "Result file")->required()->type_name("A.json");
  command.add_option("after", options->after, "Result file")->required()->type_name("B.json");
  command.add_flag("--force", options->force,
                   "Compares different machines or versions all the same");
  command.callback([options, &context] { run_compare(*options, context); });
}

}  // namespace moliere::app
