// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/csv.hpp"

#include <optional>
#include <vector>

#include <fmt/format.h>

namespace moliere::report {
namespace {

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result += '"';
    result += c;
  }
  return result + "\"";
}

std::string number(std::optional<double> value) {
  return value ? fmt::format("{:.9g}", *value) : "";
}

/// Name and content of each column, in one place so that they cannot part.
std::vector<std::pair<std::string, std::string>> fields(const bench::ComparisonResult& comparison,
                                                        const bench::Row& row) {
  const bench::CaseDescription& description = comparison.description;
  const bench::RowStatistics* statistics = row.statistics ? &*row.statistics : nullptr;
  const auto figure = [&](auto&& get) {
    return statistics != nullptr ? number(get(*statistics)) : std::string();
  };
  using Statistics = bench::RowStatistics;
  std::vector<std::pair<std::string, std::string>> result{
      {"model", description.model},
      {"batch", fmt::to_string(description.batch)},
      {"threads", fmt::to_string(description.threads)},
      {"streams", fmt::to_string(description.streams)},
      {"device", description.device},
      {"engine", row.engine.label},
      {"version", row.version},
      {"outcome", std::string(bench::to_string(row.outcome))},
      {"check", std::string(bench::to_string(row.verification.check))},
      {"error", number(row.verification.error)},
      {"wall_ms", figure([](const Statistics& s) { return s.call_ns.value / 1e6; })},
      {"wall_ms_lower95",
       figure([](const Statistics& s) { return s.call_ns.interval.lower / 1e6; })},
      {"wall_ms_upper95",
       figure([](const Statistics& s) { return s.call_ns.interval.upper / 1e6; })},
      {"cpu_ms", figure([](const Statistics& s) { return s.cpu_ns / 1e6; })},
      {"iterations", figure([](const Statistics& s) { return static_cast<double>(s.calls); })},
      {"time_per_event_ms", figure([](const Statistics& s) { return s.time_per_event_ms; })},
      {"events_per_s", figure([](const Statistics& s) { return s.events_per_s; })},
      {"minimum_ms", figure([](const Statistics& s) { return s.minimum_ns / 1e6; })},
      {"median_ms", figure([](const Statistics& s) { return s.samples.median / 1e6; })},
      {"mean_ms", figure([](const Statistics& s) { return s.mean_ns / 1e6; })},
      {"p90_ms", statistics != nullptr && statistics->samples.p90
                     ? number(*statistics->samples.p90 / 1e6)
                     : ""},
      {"p99_ms", statistics != nullptr && statistics->samples.p99
                     ? number(*statistics->samples.p99 / 1e6)
                     : ""},
      {"fraction_of_limit",
       statistics != nullptr ? number(statistics->fraction_of_limit) : std::string()}};
  const bench::Pair* pair = nullptr;
  for (const bench::Pair& candidate : comparison.pairs) {
    if (candidate.candidate == row.engine.label) pair = &candidate;
  }
  result.emplace_back("baseline", pair != nullptr ? pair->baseline : "");
  result.emplace_back("ratio", pair != nullptr ? number(pair->ratio.value) : "");
  result.emplace_back("ratio_lower95", pair != nullptr ? number(pair->ratio.at95.lower) : "");
  result.emplace_back("ratio_upper95", pair != nullptr ? number(pair->ratio.at95.upper) : "");
  result.emplace_back("verdict",
                      pair != nullptr ? std::string(stats::to_string(pair->verdict)) : "");
  result.emplace_back("reason", row.reason.empty() ? row.verification.reason : row.reason);
  return result;
}

}  // namespace

std::string to_csv(const bench::RunResult& result) {
  std::string heading;
  std::string body;
  for (const bench::ComparisonResult& comparison : result.comparisons) {
    for (const bench::Row& row : comparison.rows) {
      std::string line;
      std::string names;
      for (const auto& [name, content] : fields(comparison, row)) {
        names += (names.empty() ? "" : ",") + name;
        line += (line.empty() ? "" : ",") + csv_field(content);
      }
      heading = names;
      body += line + "\n";
    }
  }
  return heading.empty() ? "" : heading + "\n" + body;
}

}  // namespace moliere::report
