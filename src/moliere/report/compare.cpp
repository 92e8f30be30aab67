// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/compare.hpp"

#include "moliere/report/console.hpp"
#include "moliere/report/format.hpp"
#include "moliere/stats/drift.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

namespace moliere::report {
namespace {

struct Found {
  const bench::ComparisonResult* comparison;
  const bench::Row* row;
};
using Key = std::tuple<std::string, std::string, std::string>;  // model, setting, engine label

std::string setting(const bench::CaseDescription& description) {
  return fmt::format("batch {}, {} thr, {} str, {}", description.batch, description.threads,
                     description.streams, description.device);
}

std::map<Key, Found> rows_of(const bench::RunResult& result) {
  std::map<Key, Found> rows;
  for (const bench::ComparisonResult& comparison : result.comparisons) {
    for (const bench::Row& row : comparison.rows) {
      const bench::CaseDescription& description = comparison.description;
      rows[{description.model, setting(description), row.engine.label}] = {&comparison, &row};
    }
  }
  return rows;
}

/// Why these two rows say nothing about a change in speed; "" where they do.
std::string problem_of(const Found& before, const Found& after) {
  if (before.comparison->description.hash != after.comparison->description.hash) {
    return "the model's content differs";
  }
  if (after.row->outcome != bench::Outcome::measured) {
    return fmt::format("{} now: {}", bench::to_string(after.row->outcome), after.row->reason);
  }
  if (before.row->outcome != bench::Outcome::measured) {
    return fmt::format("{} before: {}", bench::to_string(before.row->outcome), before.row->reason);
  }
  if (after.row->verification.check == bench::Check::wrong) {
    return fmt::format("wrong now: {}", after.row->verification.reason);
  }
  if (before.row->verification.check == bench::Check::wrong) return "it was wrong before";
  if (before.row->options != after.row->options) return "the engine's options differ";
  if (!before.row->statistics || !after.row->statistics) return "there are no samples";
  return "";
}

Change change_between(const Key& key, const Found& before, const Found& after) {
  Change change{.model = std::get<0>(key), .engine = std::get<2>(key), .setting = std::get<1>(key)};
  change.problem = problem_of(before, after);
  if (!change.problem.empty()) return change;
  const std::vector<double>& calibration_before = before.comparison->calibration_ns;
  const std::vector<double>& calibration_after = after.comparison->calibration_ns;
  if (!calibration_before.empty() && !calibration_after.empty()) {
    change.drift = stats::relative_drift(calibration_before, calibration_after);
  }
  change.ratio = stats::unpaired_ratio(after.row->medians(), before.row->medians(), change.drift);
  change.verdict = stats::judge(change.ratio);
  return change;
}

}  // namespace

ResultComparison compare_results(const bench::RunResult& before, const bench::RunResult& after) {
  ResultComparison result;
  if (bench::machine_id(before.machine) != bench::machine_id(after.machine)) {
    result.obstacles.push_back(fmt::format("measured on different machines: {} and {}",
                                           before.machine.cpu_model, after.machine.cpu_model));
  }
  const std::map<Key, Found> old_rows = rows_of(before);
  const std::map<Key, Found> new_rows = rows_of(after);
  std::map<std::string, std::string> versions;
  for (const auto& [key, found] : old_rows) {
    const auto match = new_rows.find(key);
    if (match == new_rows.end()) {
      result.changes.push_back({.model = std::get<0>(key),
                                .engine = std::get<2>(key),
                                .setting = std::get<1>(key),
                                .problem = "only in the first file"});
      continue;
    }
    const std::string& old_version = found.row->version;
    const std::string& new_version = match->second.row->version;
    if (!old_version.empty() && !new_version.empty() && old_version != new_version) {
      versions[found.row->engine.name] =
          fmt::format("{} {} and {}", found.row->engine.name, old_version, new_version);
    }
    result.changes.push_back(change_between(key, found, match->second));
  }
  for (const auto& [key, found] : new_rows) {
    if (!old_rows.contains(key)) {
      result.changes.push_back({.model = std::get<0>(key),
                                .engine = std::get<2>(key),
                                .setting = std::get<1>(key),
                                .problem = "only in the second file"});
    }
  }
  for (const auto& [engine, text] : versions)
    result.obstacles.push_back("different versions: " + text);
  return result;
}

std::string changes_table(const ResultComparison& comparison) {
  std::string text;
  for (const std::string& obstacle : comparison.obstacles) {
    text += fmt::format("not comparable: {}\n", obstacle);
  }
  text += fmt::format("{} {} {} {} {}\n", left("model", 22), left("setting", 28),
                      left("engine", 16), right("drift", 7), "second against first");
  for (const Change& change : comparison.changes) {
    text += fmt::format("{} {} {} ", left(change.model, 22), left(change.setting, 28),
                        left(change.engine, 16));
    if (change.problem.empty()) {
      text += fmt::format("{:>+6.1f}% x{:.3f} {}\n", 100 * change.drift, change.ratio.value,
                          stats::to_string(change.verdict));
    } else {
      text += fmt::format("{} -\n    {}\n", right("-", 7), left(change.problem, table_width - 5));
    }
  }
  return text;
}

}  // namespace moliere::report
