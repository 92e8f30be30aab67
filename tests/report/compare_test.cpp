// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/compare.hpp"

#include "report/made_result.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::report {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Change only_change(const bench::RunResult& before, const bench::RunResult& after) {
  const ResultComparison result = compare_results(before, after);
  EXPECT_THAT(result.changes, SizeIs(1));
  return result.changes.at(0);
}

TEST(CompareResults, FindsWhatBecameSlowerOrFaster) {
  const bench::RunResult before = made_run({made_row("a", 1000)});
  const bench::RunResult after = made_run({made_row("a", 1100)});
  EXPECT_EQ(only_change(before, after).verdict, stats::Verdict::slower);
  EXPECT_NEAR(only_change(before, after).ratio.value, 1.1, 0.001);
  EXPECT_EQ(only_change(after, before).verdict, stats::Verdict::faster);
  EXPECT_EQ(only_change(before, before).verdict, stats::Verdict::same);
}

TEST(CompareResults, TheMachinesDriftWidensTheInterval) {
  const bench::RunResult before = made_run({made_row("a", 1000)});
  bench::RunResult after = made_run({made_row("a", 1100)});
  after.comparisons[0].calibration_ns.assign(8, 1100);  // everything is 10 % slower now
  const Change change = only_change(before, after);
  EXPECT_NEAR(change.drift, 0.1, 1e-9);
  EXPECT_EQ(change.verdict, stats::Verdict::undecided);
}

TEST(CompareResults, OtherMachinesAndVersionsAreObstacles) {
  const bench::RunResult before = made_run({made_row("a", 1000)});
  bench::RunResult after = before;
  EXPECT_THAT(compare_results(before, after).obstacles, IsEmpty());
  after.machine.cpu_model = "Another processor";
  after.comparisons[0].rows[0].version = "2.0";
  EXPECT_THAT(
      compare_results(before, after).obstacles,
      ElementsAre(HasSubstr("A processor and Another processor"), HasSubstr("a 1.0 and 2.0")));
}

TEST(CompareResults, WhatCannotBeComparedSaysWhy) {
  const bench::RunResult before = made_run({made_row("a", 1000)});
  const auto problem = [&](auto&& change) {
    bench::RunResult after = before;
    change(after.comparisons[0]);
    return only_change(before, after).problem;
  };
  EXPECT_THAT(problem([](auto& it) { it.description.hash = "other"; }), HasSubstr("content"));
  EXPECT_THAT(problem([](auto& it) { it.rows[0].options["x"] = "1"; }), HasSubstr("options"));
  EXPECT_THAT(problem([](auto& it) { it.rows[0].statistics.reset(); }), HasSubstr("no samples"));
  EXPECT_THAT(problem([](auto& it) { it.rows[0].verification.check = bench::Check::wrong; }),
              HasSubstr("wrong now"));
  EXPECT_THAT(problem([](auto& it) {
                it.rows[0].outcome = bench::Outcome::timed_out;
                it.rows[0].reason = "300 s";
              }),
              HasSubstr("now: 300 s"));
}

TEST(CompareResults, RowsOfOneFileAloneAreNamed) {
  const ResultComparison result =
      compare_results(made_run({made_row("a", 1000)}), made_run({made_row("b", 1000)}));
  ASSERT_THAT(result.changes, SizeIs(2));
  EXPECT_EQ(result.changes[0].problem, "only in the first file");
  EXPECT_EQ(result.changes[1].problem, "only in the second file");
  EXPECT_THAT(changes_table(result), HasSubstr("only in the second file"));
}

}  // namespace
}  // namespace moliere::report
