// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/doctor.hpp"

#include <algorithm>

#include "commands.hpp"
#include "console.hpp"
#include <fmt/format.h>

namespace moliere::app {
namespace {

/// Long enough to see a neighbour come and go [s].
constexpr double look_s = 3;

void run_doctor() {
  std::vector<bench::Finding> findings;
  {
    ConsoleProgress progress;
    findings = bench::examine_this_machine(look_s, progress);
  }
  using Severity = bench::Finding::Severity;
  for (const bench::Finding& finding : findings) {
    fmt::print("{:<8} {}: {}\n", bench::to_string(finding.severity), finding.topic, finding.what);
    if (!finding.why.empty()) fmt::print("{:9}why: {}\n", "", finding.why);
    if (!finding.what_to_do.empty()) fmt::print("{:9}do: {}\n", "", finding.what_to_do);
  }
  const auto warnings = std::ranges::count(findings, Severity::warning, &bench::Finding::severity);
  fmt::print("{} of {} findings disturb measuring; intervals show how much\n", warnings,
             findings.size());
}

}  // namespace

void add_doctor(CLI::App& app, Context&) {
  app.add_subcommand("doctor", "What on this machine disturbs measuring, and what to do about it")
      ->callback(run_doctor);
}

}  // namespace moliere::app
