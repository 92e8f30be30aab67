// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/result.hpp"

#include <algorithm>
#include <limits>

namespace moliere::bench {
namespace {

/// Only whole generations are paired: a process that ended early has fewer rounds than its rival.
stats::Hierarchy common_part(const stats::Hierarchy& values, const stats::Hierarchy& rival) {
  stats::Hierarchy common;
  for (std::size_t p = 0; p < std::min(values.size(), rival.size()); ++p) {
    const std::size_t rounds = std::min(values[p].size(), rival[p].size());
    if (rounds == 0) break;
    common.emplace_back(values[p].begin(), values[p].begin() + static_cast<std::ptrdiff_t>(rounds));
  }
  return common;
}

RowStatistics row_statistics(const Row& row, const CaseDescription& description) {
  RowStatistics result;
  result.minimum_ns = std::numeric_limits<double>::infinity();
  std::vector<double> kept;
  double total_ns = 0;
  double cpu_ns = 0;
  for (const ProcessRecord& process : row.processes) {
    for (const worker::protocol::Measured& slice : process.slices) {
      kept.insert(kept.end(), slice.kept_ns.begin(), slice.kept_ns.end());
      result.minimum_ns = std::min(result.minimum_ns, slice.min_ns);
      result.calls += slice.calls;
      total_ns += slice.mean_ns * static_cast<double>(slice.calls);
      cpu_ns += static_cast<double>(slice.cpu_ns);
    }
  }
  const auto calls = static_cast<double>(result.calls);
  result.call_ns = stats::hierarchical_median(row.medians());
  result.samples = stats::summarize(std::move(kept));
  result.mean_ns = total_ns / calls;
  result.cpu_ns = cpu_ns / calls;
  // Each stream makes a call in call_ns; together they make `streams` of them.
  const double events_per_call =
      static_cast<double>(description.batch) * static_cast<double>(description.streams);
  constexpr double ns_per_ms = 1e6;
  constexpr double ns_per_s = 1e9;
  result.time_per_event_ms = result.call_ns.value / ns_per_ms / events_per_call;
  result.events_per_s = ns_per_s / result.call_ns.value * events_per_call;
  if (description.limit) {
    result.fraction_of_limit = description.limit->seconds * ns_per_s / result.call_ns.value;
  }
  return result;
}

bool comparable(const Row& row) {
  return row.statistics && row.outcome == Outcome::measured &&
         row.verification.check != Check::wrong;
}

}  // namespace

stats::Hierarchy Row::medians() const {
  stats::Hierarchy values;
  for (const ProcessRecord& process : processes) {
    if (process.slices.empty()) continue;
    std::vector<double>& rounds = values.emplace_back();
    for (const worker::protocol::Measured& slice : process.slices)
      rounds.push_back(slice.median_ns);
  }
  return values;
}

void derive_statistics(ComparisonResult& result, const std::string& baseline) {
  result.pairs.clear();
  for (Row& row : result.rows) {
    row.statistics.reset();
    if (!row.medians().empty()) row.statistics = row_statistics(row, result.description);
  }
  const auto base =
      std::ranges::find(result.rows, baseline, [](const Row& row) { return row.engine.label; });
  // A wrong engine is never ranked: it is not a baseline either.
  if (base == result.rows.end() || !comparable(*base)) return;
  for (const Row& row : result.rows) {
    if (&row == &*base || !comparable(row)) continue;
    const stats::Hierarchy candidate = common_part(row.medians(), base->medians());
    const stats::Hierarchy reference = common_part(base->medians(), row.medians());
    if (candidate.empty()) continue;
    Pair pair{.baseline = baseline, .candidate = row.engine.label};
    pair.ratio = stats::paired_ratio(candidate, reference);
    pair.verdict = stats::judge(pair.ratio);
    result.pairs.push_back(std::move(pair));
  }
}

}  // namespace moliere::bench
