// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/console.hpp"

#include "moliere/report/format.hpp"
#include "moliere/stats/drift.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

namespace moliere::report {
namespace {

using bench::Check;
using bench::Outcome;

struct Column {
  std::string_view title;
  std::size_t width;
};

// 91 columns of text and 9 blanks between them make table_width.
constexpr std::array<Column, 10> columns_of_rows{{{"engine", 14},
                                                  {"wall(ms)", 8},
                                                  {"cpu(ms)", 8},
                                                  {"calls", 6},
                                                  {"time/evt(ms)", 12},
                                                  {"95 %", 6},
                                                  {"p99(ms)", 8},
                                                  {"limit", 5},
                                                  {"outputs", 8},
                                                  {"ratio", 16}}};

std::string check_word(const bench::Verification& verification) {
  switch (verification.check) {
    case Check::verified:
      return "ok";
    case Check::wrong:
      return "WRONG";
    case Check::does_not_depend_on_input:
      return "constant";
    case Check::unverified:
      return "UNVERIF.";
  }
  return "";
}

std::string percent(double share) {
  if (share < 0.0995) return fmt::format("{:.1f} %", 100 * share);
  return fmt::format("{:.0f} %", 100 * share);
}

std::string join_row(const std::array<std::string, 10>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t width = columns_of_rows[i].width;
    line += i == 0 ? left(cells[i], width) : " " + right(cells[i], width);
  }
  return line + "\n";
}

/// `text` over several lines of at most `table_width`, all but the first indented.
std::string wrapped(const std::string& first_indent, const std::string& text) {
  std::string result;
  std::string line = first_indent;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    std::string word = text.substr(begin, end - begin);
    if (columns(line) + 1 + columns(word) > table_width && columns(line) > first_indent.size()) {
      result += line + "\n";
      line = std::string(first_indent.size(), ' ');
    }
    if (line.find_first_not_of(' ') != std::string::npos) line += ' ';
    line += left(word, std::min(columns(word), table_width - first_indent.size() - 1));
    begin = end + 1;
  }
  return result + line + "\n";
}

/// "831 kFLOP", "831 FLOP"
std::string flop(std::int64_t count) {
  const std::string number = with_prefix(static_cast<double>(count));
  return number + (number.find(' ') == std::string::npos ? " FLOP" : "FLOP");
}

/// A figure in `width` columns: a number that is cut says nothing.
std::string milliseconds_within(double ms, std::size_t width) {
  const std::string text = milliseconds(ms);
  return columns(text) <= width ? text : fmt::format("{:.2e}", ms);
}

std::string heading(const bench::ComparisonResult& result) {
  const bench::CaseDescription& description = result.description;
  std::string text = description.model + "  ";
  if (description.batch > 0) text += fmt::format("batch {}, ", description.batch);
  text += fmt::format("{} thread{}, {} stream{}, {}", description.threads,
                      description.threads == 1 ? "" : "s", description.streams,
                      description.streams == 1 ? "" : "s", description.device);
  if (result.rows.empty()) return wrapped("", text);
  text += ": " + flop(description.flops);
  if (!description.cost_complete) text += " at least";
  if (description.limit) {
    text += fmt::format(", limit {} ({})", duration(description.limit->seconds * 1e9),
                        description.limit->bound_by_arithmetic
                            ? "arithmetic"
                            : fmt::format("bytes from {}", description.limit->level));
  }
  return wrapped("", text);
}

std::string ratio_of(const bench::ComparisonResult& result, const bench::Row& row) {
  for (const bench::Pair& pair : result.pairs) {
    if (pair.candidate == row.engine.label) return verdict_text(pair);
    if (pair.baseline == row.engine.label) return "baseline";
  }
  return "-";
}

std::string measured_row(const bench::ComparisonResult& result, const bench::Row& row,
                         const std::string& label) {
  const bench::RowStatistics& statistics = *row.statistics;
  constexpr double ns_per_ms = 1e6;
  constexpr std::size_t figure_width = columns_of_rows[1].width;
  const double half_width =
      stats::relative_half_width(statistics.call_ns.interval, statistics.call_ns.value);
  const auto& p99 = statistics.samples.p99;
  return join_row({label, milliseconds_within(statistics.call_ns.value / ns_per_ms, figure_width),
                   milliseconds_within(statistics.cpu_ns / ns_per_ms, figure_width),
                   with_prefix(static_cast<double>(statistics.calls)),
                   milliseconds(statistics.time_per_event_ms),
                   half_width < 10 ? "±" + percent(half_width) : "-",
                   p99 ? milliseconds_within(*p99 / ns_per_ms, figure_width) : "-",
                   statistics.fraction_of_limit ? percent(*statistics.fraction_of_limit) : "-",
                   check_word(row.verification), ratio_of(result, row)});
}

std::string row_text(const bench::ComparisonResult& result, const bench::Row& row) {
  // A name with many options has a line of its own.
  const bool long_label = columns(row.engine.label) > columns_of_rows[0].width;
  const std::string label = long_label ? "" : row.engine.label;
  std::string text = long_label ? wrapped("", row.engine.label) : "";
  if (row.statistics) text += measured_row(result, row, label);
  if (row.outcome != Outcome::measured) {
    text +=
        wrapped(left(row.engine.label, columns_of_rows[0].width) + " ",
                fmt::format("{} in {}: {}", bench::to_string(row.outcome), row.phase, row.reason));
  }
  if (row.verification.check != Check::verified && row.outcome == Outcome::measured) {
    text += wrapped("    ", fmt::format("{}: {}", bench::to_string(row.verification.check),
                                        row.verification.reason));
  }
  return text;
}

std::string noise_text(const bench::RunResult& result) {
  double worst_drift = 0;
  double worst_steal = 0;
  for (const bench::ComparisonResult& comparison : result.comparisons) {
    // One that was interrupted early has none.
    if (!comparison.calibration_ns.empty()) {
      worst_drift = std::max(worst_drift, stats::drift_range(comparison.calibration_ns));
    }
    if (comparison.telemetry)
      worst_steal = std::max(worst_steal, comparison.telemetry->steal_share);
  }
  return fmt::format(
      "noise of the machine: speed drifted by up to {} within a comparison, steal time up to {}\n",
      percent(worst_drift), percent(worst_steal));
}

}  // namespace

std::string verdict_text(const bench::Pair& pair) {
  const double value = pair.ratio.value;
  const std::string factor = value >= 0.1 && value < 99.5 ? fmt::format("{:.2f}", value)
                             : value >= 99.5              ? with_prefix(value)
                                                          : fmt::format("{:.1g}", value);
  return fmt::format("x{} {}", factor, stats::to_string(pair.verdict));
}

std::string comparison_table(const bench::ComparisonResult& result) {
  std::string text = heading(result);
  if (result.rows.empty()) return text + wrapped("  ", result.stopped_by);
  std::array<std::string, 10> titles;
  for (std::size_t i = 0; i < titles.size(); ++i) titles[i] = columns_of_rows[i].title;
  text += join_row(titles);
  for (const bench::Row& row : result.rows) text += row_text(result, row);
  return text;
}

std::string run_summary(const bench::RunResult& result) {
  std::map<std::string, int> checks;
  std::map<std::string, int> outcomes;
  std::map<std::string, int> verdicts;
  std::map<std::string, int> stops;
  int rows = 0;
  for (const bench::ComparisonResult& comparison : result.comparisons) {
    ++stops[comparison.stopped_by];
    for (const bench::Pair& pair : comparison.pairs) {
      ++verdicts[std::string(stats::to_string(pair.verdict))];
    }
    for (const bench::Row& row : comparison.rows) {
      ++rows;
      if (row.outcome == Outcome::measured) {
        ++checks[std::string(bench::to_string(row.verification.check))];
      } else {
        ++outcomes[std::string(bench::to_string(row.outcome))];
      }
    }
  }
  const auto counts = [](const std::map<std::string, int>& map) {
    std::string text;
    for (const auto& [name, count] : map)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
    return text;
  };
  std::string text = fmt::format("{} rows", rows);
  if (!checks.empty()) text += ": " + counts(checks);
  if (!outcomes.empty()) text += "; not measured: " + counts(outcomes);
  std::string summary = wrapped("", text);
  if (!verdicts.empty()) summary += wrapped("", "verdicts: " + counts(verdicts));
  if (!stops.empty()) summary += wrapped("", "comparisons ended by: " + counts(stops));
  summary += noise_text(result);
  return summary;
}

std::string verification_table(const bench::RunResult& result) {
  std::string text = fmt::format("{} {} {} {} {}\n", left("model", 30), left("engine", 18),
                                 left("outputs", 26), right("error", 9), right("threshold", 9));
  for (const bench::ComparisonResult& comparison : result.comparisons) {
    const bench::CaseDescription& description = comparison.description;
    const std::string model = fmt::format("{} (batch {})", description.model, description.batch);
    if (comparison.rows.empty()) {
      text += wrapped(left(model, 30) + " ", comparison.stopped_by);
    }
    for (const bench::Row& row : comparison.rows) {
      const bool ran = row.outcome == Outcome::measured;
      const bench::Verification& check = row.verification;
      text += fmt::format(
          "{} {} {} {} {}\n", left(model, 30), left(row.engine.label, 18),
          left(std::string(ran ? bench::to_string(check.check) : bench::to_string(row.outcome)),
               26),
          right(ran ? fmt::format("{:.2g}", check.error) : "-", 9),
          right(ran ? fmt::format("{:.2g}", check.threshold) : "-", 9));
      const std::string& reason = ran ? check.reason : row.reason;
      if (!reason.empty()) text += wrapped("    ", reason);
    }
  }
  return text;
}

std::string machine_summary(const bench::RunResult& result) {
  std::string text = fmt::format("{}, {} of {} cores\n", result.machine.cpu_model,
                                 result.machine.usable_cores, result.machine.logical_cores);
  for (const bench::Roofline& roofline : result.rooflines) {
    text += fmt::format("{} thread{}: {}FLOP/s float32", roofline.threads,
                        roofline.threads == 1 ? "" : "s", with_prefix(roofline.flops_f32_per_s));
    for (const auto& bandwidth : roofline.bandwidths) {
      text += fmt::format(", {} {}B/s", bandwidth.level, with_prefix(bandwidth.read_bytes_per_s));
    }
    text += "\n";
  }
  return text;
}

}  // namespace moliere::report
