// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/console.hpp"

#include "moliere/report/format.hpp"

#include <sstream>

#include "report/made_result.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::report {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, columns(line));
  return widest;
}

bench::Row failed_row(const std::string& label, const std::string& reason) {
  bench::Row row;
  row.engine.label = label;
  row.outcome = bench::Outcome::crashed;
  row.phase = "measure";
  row.reason = reason;
  return row;
}

TEST(ComparisonTable, SaysTheVerdictAgainstTheBaseline) {
  const std::string table =
      comparison_table(made_comparison({made_row("onnxruntime", 8890), made_row("b", 98'600)}));
  EXPECT_THAT(table, HasSubstr("Linear_16  batch 16, 1 thread, 1 stream, cpu: 831 kFLOP"));
  EXPECT_THAT(table, HasSubstr("baseline"));
  EXPECT_THAT(table, HasSubstr("slower"));
  EXPECT_THAT(table, HasSubstr("x11.09 slower"));
  EXPECT_THAT(table, HasSubstr("0.000556")) << "time per event: 8.89 us / 16 in ms";
}

TEST(ComparisonTable, FitsAHundredColumnsWhateverTheNames) {
  const std::string options = ":" + std::string(90, 'o') + "=1,another_option=a_long_value";
  bench::Row wrong = made_row("wrong", 1e12);
  wrong.verification.check = bench::Check::wrong;
  wrong.verification.reason = "output 'y' is off by 0.2 of its spread in element 17, " +
                              std::string(150, 'x') + " and so on and so on";
  bench::ComparisonResult comparison = made_comparison(
      {made_row("engine" + options, 1.25), made_row("ünï" + options, 7e11), wrong,
       failed_row("failed" + options, "signal 11 " + std::string(120, 'y') + " after a while")});
  comparison.description.model = "/a/folder/" + std::string(120, 'm') + ".onnx";
  comparison.description.limit = bench::Limit{};
  EXPECT_LE(widest_line(comparison_table(comparison)), table_width);
  bench::RunResult run;
  run.comparisons.push_back(comparison);
  EXPECT_LE(widest_line(run_summary(run)), table_width);
  EXPECT_LE(widest_line(verification_table(run)), table_width);
}

TEST(ComparisonTable, AWrongEngineIsMarkedAndNotRanked) {
  bench::Row wrong = made_row("fast_but_wrong", 100);
  wrong.verification.check = bench::Check::wrong;
  wrong.verification.reason = "off by 3 %";
  const std::string table = comparison_table(made_comparison({made_row("good", 1000), wrong}));
  EXPECT_THAT(table, AllOf(HasSubstr("WRONG"), HasSubstr("off by 3 %"), Not(HasSubstr("faster"))));
}

TEST(ComparisonTable, EveryCheckHasItsWord) {
  bench::Row constant = made_row("b", 1000);
  constant.verification.check = bench::Check::does_not_depend_on_input;
  bench::Row unverified = made_row("c", 1000);
  unverified.verification.check = bench::Check::unverified;
  unverified.verification.reason = "the reference has no Foo";
  const std::string table =
      comparison_table(made_comparison({made_row("a", 1000), constant, unverified}));
  EXPECT_THAT(table, AllOf(HasSubstr(" ok "), HasSubstr("constant"), HasSubstr("UNVERIF."),
                           HasSubstr("the reference has no Foo")));
}

TEST(ComparisonTable, FailuresSayWhatAndWhen) {
  const std::string table =
      comparison_table(made_comparison({made_row("a", 1000), failed_row("b", "signal 11")}));
  EXPECT_THAT(table, HasSubstr("crashed in measure: signal 11"));
}

TEST(ComparisonTable, FiguresAndVerdictsAreNeverCut) {
  bench::Row fast = made_row("a_short_name", 13.4);
  const std::string table = comparison_table(made_comparison(
      {fast, made_row("undecided", 13.5, 0.5), made_row("slow", 150), made_row("long", 4e13)}));
  EXPECT_THAT(table,
              AllOf(HasSubstr(" undecided\n"), HasSubstr("1.34e-05"), Not(HasSubstr("..."))));
}

TEST(ComparisonTable, WhatCouldNotBeRunSaysWhyAndNoFigures) {
  bench::ComparisonResult comparison;
  comparison.description.model = "bad.onnx";
  comparison.description.batch = 0;
  comparison.stopped_by = "bad.onnx: this is not an ONNX model";
  EXPECT_EQ(comparison_table(comparison),
            "bad.onnx  1 thread, 1 stream, cpu\n  bad.onnx: this is not an ONNX model\n");
  comparison = made_comparison({made_row("a", 1000)});
  comparison.description.flops = 831;
  EXPECT_THAT(comparison_table(comparison), HasSubstr(": 831 FLOP\n"));
}

TEST(RunSummary, CountsOutcomesAndVerdicts) {
  const std::string summary =
      run_summary(made_run({made_row("a", 1000), made_row("b", 2000), failed_row("c", "gone")}));
  EXPECT_THAT(summary, AllOf(HasSubstr("3 rows: 2 verified; not measured: 1 crashed"),
                             HasSubstr("verdicts: 1 slower"), HasSubstr("1 precise")));
}

TEST(RunSummary, StandsWhereNothingWasMeasuredYet) {
  bench::RunResult run = made_run({made_row("a", 1000)});
  run.comparisons[0].calibration_ns.clear();
  EXPECT_THAT(run_summary(run), HasSubstr("noise of the machine"));
  EXPECT_THAT(run_summary({}), HasSubstr("0 rows"));
}

TEST(VerdictText, KeepsItsDigits) {
  const auto text = [](double ratio) {
    bench::Pair pair;
    pair.ratio.value = ratio;
    pair.verdict = stats::Verdict::slower;
    return verdict_text(pair);
  };
  EXPECT_EQ(text(1.034), "x1.03 slower");
  EXPECT_EQ(text(0.004), "x0.004 slower");
  EXPECT_EQ(text(1234.0), "x1.23 k slower");
}

}  // namespace
}  // namespace moliere::report
