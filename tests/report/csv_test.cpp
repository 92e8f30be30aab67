// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/csv.hpp"

#include <map>

#include "report/made_result.hpp"
#include <gtest/gtest.h>

namespace moliere::report {
namespace {

/// RFC 4180, as a reader of another make has it: rows of fields.
std::vector<std::vector<std::string>> parse(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, std::vector<std::string>(1));
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"') {
      rows.back().back() += text[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      rows.back().emplace_back();
    } else if (c == '\n' && !quoted) {
      if (i + 1 < text.size()) rows.emplace_back(1);
    } else {
      rows.back().back() += c;
    }
  }
  return rows;
}

std::map<std::string, std::string> record(const std::string& csv, std::size_t row) {
  const auto rows = parse(csv);
  std::map<std::string, std::string> result;
  for (std::size_t i = 0; i < rows.at(0).size(); ++i) result[rows[0][i]] = rows.at(row).at(i);
  return result;
}

TEST(Csv, HoldsTheFiguresUnderTheirNames) {
  const std::string csv = to_csv(made_run({made_row("a", 8000, 0), made_row("b", 16'000, 0)}));
  const auto rows = parse(csv);
  ASSERT_EQ(rows.size(), 3U);
  for (const auto& row : rows) EXPECT_EQ(row.size(), rows[0].size());
  const auto first = record(csv, 1);
  EXPECT_EQ(first.at("model"), "Linear_16");
  EXPECT_EQ(first.at("verdict"), "") << "the baseline has no ratio";
  EXPECT_NEAR(std::stod(first.at("wall_ms")), 0.008, 1e-9);
  EXPECT_NEAR(std::stod(first.at("time_per_event_ms")), 0.0005, 1e-9);
  EXPECT_NEAR(std::stod(first.at("events_per_s")), 2e6, 1);
  EXPECT_EQ(first.at("iterations"), "3000");
  const auto second = record(csv, 2);
  EXPECT_EQ(second.at("baseline"), "a");
  EXPECT_NEAR(std::stod(second.at("ratio")), 2, 1e-9);
  EXPECT_EQ(second.at("verdict"), "slower");
}

TEST(Csv, FieldsWithCommasQuotesAndLinesSurvive) {
  bench::Row failed;
  failed.engine.label = "test:a=1,b=2";
  failed.outcome = bench::Outcome::crashed;
  failed.reason = "it said \"no\",\nthen died";
  const std::string csv = to_csv(made_run({made_row("a", 1000), failed}));
  const auto row = record(csv, 2);
  EXPECT_EQ(row.at("engine"), "test:a=1,b=2");
  EXPECT_EQ(row.at("reason"), "it said \"no\",\nthen died");
  EXPECT_EQ(row.at("wall_ms"), "") << "no figure is not zero";
}

TEST(Csv, AnEmptyRunIsEmpty) { EXPECT_EQ(to_csv({}), ""); }

}  // namespace
}  // namespace moliere::report
