// SPDX-License-Identifier: Apache-2.0
// Comparisons of the misbehaving engine with itself: how wrong it goes is known beforehand.
#include "moliere/bench/runner.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <csignal>
#include <functional>
#include <limits>

#include "bench/test_engine.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::bench {
namespace {
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// Calls back at every step of a run.
class Watcher final : public Progress {
 public:
  explicit Watcher(std::function<void(std::string_view)> seen) : seen_(std::move(seen)) {}
  void update(double, double, std::string_view what) override { seen_(what); }

 private:
  std::function<void(std::string_view)> seen_;
};

class Runner : public testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);  // as main() does
    settings.budget_s = 30;
    settings.timeout_s = 60;
    settings.slice_ns = 200'000;
    settings.rounds_per_process = 2;
    // Two short processes are enough for these tests, whatever the machine is busy with.
    settings.stopping.minimum_processes = 2;
    settings.stopping.minimum_rounds = 2;
    settings.stopping.relative_half_width = std::numeric_limits<double>::infinity();
    settings.stopping.median_half_width = std::numeric_limits<double>::infinity();
  }

  ComparisonResult run(const std::vector<std::string>& engines, Progress& progress) {
    const ComparisonRunner runner({test_engine()}, settings, folder.path() / "cache", &stop);
    const std::vector<EngineChoice> choices = parse_engines(engines);
    return runner.run(model(), inputs(), Axes{}, choices, choices.at(0).label, {}, progress);
  }
  ComparisonResult run(const std::vector<std::string>& engines) {
    SilentProgress progress;
    return run(engines, progress);
  }
  /// The row of an engine that misbehaves, beside a good one that must not suffer.
  Row beside_a_good_one(const std::string& behaviour, const std::string& at = "measure") {
    const ComparisonResult result =
        run({"test:cost_ns=1000", "test:behaviour=" + behaviour + ",at=" + at});
    EXPECT_THAT(result.rows, SizeIs(2));
    const Row& good = result.rows.at(0);
    EXPECT_EQ(good.outcome, Outcome::measured) << good.reason;
    EXPECT_EQ(good.verification.check, Check::verified) << good.verification.reason;
    EXPECT_TRUE(good.statistics);
    EXPECT_GE(good.processes.size(), 2U);
    return result.rows.at(1);
  }
  Row failed(const std::string& behaviour, const std::string& at = "measure") {
    Row row = beside_a_good_one(behaviour, at);
    EXPECT_EQ(row.phase, at);
    EXPECT_THAT(row.reason, Not(IsEmpty()));
    return row;
  }

  const ModelCase& model() {
    if (!model_) {
      ModelRequest request;
      request.selector = "higgs_model_dense";
      model_ = make_case(request, folder.path());
    }
    return *model_;
  }
  const CaseInputs& inputs() {
    if (!inputs_) {
      SilentProgress progress;
      inputs_ = make_inputs(model(), {}, VerificationLimits{}, folder.path() / "cache", progress);
    }
    return *inputs_;
  }

  TemporaryDirectory folder{"moliere-runner"};
  RunnerSettings settings;
  std::atomic<bool> stop = false;

 private:
  std::optional<ModelCase> model_;
  std::optional<CaseInputs> inputs_;
};

TEST_F(Runner, MeasuresInterleaved) {
  const ComparisonResult result = run({"test:cost_ns=2000", "test:cost_ns=2000", "test"});
  ASSERT_THAT(result.rows, SizeIs(3));
  EXPECT_EQ(result.stopped_by, "precise");
  EXPECT_EQ(result.rows[1].engine.label, "test:cost_ns=2000#2");
  for (const Row& row : result.rows) {
    EXPECT_EQ(row.outcome, Outcome::measured) << row.reason;
    EXPECT_EQ(row.verification.check, Check::verified) << row.verification.reason;
    EXPECT_EQ(row.verification.inputs, 16U);
    EXPECT_EQ(row.options.at("behaviour"), "good") << "defaults are told";
    ASSERT_THAT(row.processes, SizeIs(2));
    for (const ProcessRecord& process : row.processes) {
      EXPECT_GT(process.start_ns, 0);
      EXPECT_GT(process.first_ns, 0);
      EXPECT_GE(process.calls_per_sample, 1);
      ASSERT_THAT(process.slices, SizeIs(2));
      EXPECT_GE(process.slices[0].calls, process.calls_per_sample);
    }
    ASSERT_TRUE(row.statistics);
    EXPECT_GT(row.statistics->call_ns.value, 0);
  }
  EXPECT_THAT(result.pairs, SizeIs(2));
  EXPECT_THAT(result.calibration_ns, SizeIs(4));
  EXPECT_THAT(result.calibration_ns, Each(testing::Gt(0)));
  EXPECT_TRUE(result.telemetry);
  EXPECT_EQ(result.input_sets, 16U);
}

TEST_F(Runner, EndsWhenTheTimeIsUp) {
  settings.budget_s = 0.01;
  settings.stopping.relative_half_width = 0;
  const ComparisonResult result = run({"test"});
  EXPECT_EQ(result.stopped_by, "time cap");
  EXPECT_TRUE(result.rows.at(0).statistics) << "one round is made whatever the time";
}

TEST_F(Runner, OnlyVerifiesWhereAsked) {
  settings.verify_only = true;
  const ComparisonResult result = run({"test", "test:behaviour=wrong"});
  EXPECT_EQ(result.stopped_by, "verified");
  EXPECT_EQ(result.rows.at(0).verification.check, Check::verified);
  EXPECT_EQ(result.rows.at(1).verification.check, Check::wrong);
  EXPECT_FALSE(result.rows.at(0).statistics);
}

TEST_F(Runner, Crash) {
  const Row row = failed("crash");
  EXPECT_EQ(row.outcome, Outcome::crashed);
  EXPECT_THAT(row.reason, HasSubstr("signal 11"));
}

TEST_F(Runner, CrashInEveryPhase) {
  for (const char* at : {"prepare", "load", "bind", "infer", "calibrate"}) {
    EXPECT_EQ(failed("crash", at).outcome, Outcome::crashed) << at;
  }
}

TEST_F(Runner, Hang) {
  settings.timeout_s = 1;
  const Row row = failed("hang");
  EXPECT_EQ(row.outcome, Outcome::timed_out);
  EXPECT_THAT(row.reason, HasSubstr("1 s"));
}

TEST_F(Runner, SlowStart) {
  settings.timeout_s = 1;
  EXPECT_EQ(failed("slow_start", "load").outcome, Outcome::timed_out);
}

TEST_F(Runner, OutOfMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need more address space than the limit leaves";
#endif
  settings.memory_limit = std::uint64_t{512} << 20;
  EXPECT_EQ(failed("out_of_memory").outcome, Outcome::out_of_memory);
}

TEST_F(Runner, Garbage) {
  const Row row = failed("garbage");
  EXPECT_EQ(row.outcome, Outcome::protocol_error);
  EXPECT_THAT(row.reason, HasSubstr("no message"));
}

TEST_F(Runner, DiesInTheMiddleOfAMessage) {
  const Row row = failed("dies_mid_message");
  EXPECT_EQ(row.outcome, Outcome::crashed);
  EXPECT_THAT(row.reason, HasSubstr("in the middle of a message"));
}

TEST_F(Runner, SilentExit) {
  const Row row = failed("silent_exit");
  EXPECT_EQ(row.outcome, Outcome::crashed);
  EXPECT_THAT(row.reason, HasSubstr("code 0"));
}

TEST_F(Runner, RefusesAndFails) {
  const Row refusing = failed("refuses", "load");
  EXPECT_EQ(refusing.outcome, Outcome::not_supported);
  EXPECT_THAT(refusing.reason, HasSubstr("told to refuse"));
  const Row failing = failed("fails", "bind");
  EXPECT_EQ(failing.outcome, Outcome::failed);
  EXPECT_THAT(failing.reason, HasSubstr("told to fail"));
}

TEST_F(Runner, UnknownOptionsAreRefused) {
  const ComparisonResult result = run({"test", "test:no_such=1"});
  EXPECT_EQ(result.rows.at(1).outcome, Outcome::not_supported);
  EXPECT_THAT(result.rows.at(1).reason, HasSubstr("no_such"));
}

TEST_F(Runner, UnknownEnginesAreNotAvailable) {
  const ComparisonResult result = run({"absent", "test"});
  EXPECT_EQ(result.rows.at(0).outcome, Outcome::not_available);
  EXPECT_EQ(result.rows.at(0).verification.check, Check::unverified);
  EXPECT_TRUE(result.rows.at(1).statistics);
  EXPECT_THAT(result.pairs, IsEmpty()) << "the baseline has no figures";
  EXPECT_EQ(run({"absent"}).stopped_by, "no engine left");
}

TEST_F(Runner, WhatALibraryPrintsIsNoMessage) {
  EXPECT_EQ(beside_a_good_one("prints").outcome, Outcome::measured);
}

TEST_F(Runner, WrongAnswersAreFound) {
  const ComparisonResult result = run({"test", "test:behaviour=wrong"});
  const Row& row = result.rows.at(1);
  EXPECT_EQ(row.outcome, Outcome::measured);
  EXPECT_EQ(row.verification.check, Check::wrong);
  EXPECT_GT(row.verification.error, row.verification.threshold);
  EXPECT_THAT(row.verification.reason, Not(HasSubstr("later")));
  EXPECT_THAT(result.pairs, IsEmpty()) << "a wrong engine is not ranked";
}

TEST_F(Runner, RightOnlyTheFirstTimeIsFound) {
  const Row row = beside_a_good_one("wrong_later");
  EXPECT_EQ(row.verification.check, Check::wrong);
  EXPECT_THAT(row.verification.reason, HasSubstr("only in a later call"));
  settings.verify_only = true;
  EXPECT_EQ(run({"test:behaviour=wrong_later"}).rows.at(0).verification.check, Check::wrong);
}

TEST_F(Runner, CachedAnswersAreFound) {
  const Row row = beside_a_good_one("caching");
  EXPECT_EQ(row.verification.check, Check::wrong);
  EXPECT_THAT(row.verification.reason, Not(HasSubstr("of input 0")));
}

TEST_F(Runner, TheReferenceIsTimedUpToALimit) {
  settings.reference_limit_flops = 10;
  EngineManifest reference = test_engine();
  reference.name = "reference";
  const ComparisonRunner runner({reference, test_engine()}, settings, folder.path(), nullptr);
  SilentProgress progress;
  const ComparisonResult result = runner.run(
      model(), inputs(), Axes{}, parse_engines({"reference,test"}), "test", {}, progress);
  EXPECT_EQ(result.rows.at(0).outcome, Outcome::not_supported);
  EXPECT_THAT(result.rows.at(0).reason, HasSubstr("--reference-limit"));
  EXPECT_EQ(result.rows.at(1).outcome, Outcome::measured);
}

TEST_F(Runner, InterruptedItKeepsWhatItHas) {
  settings.stopping.minimum_processes = 1000;
  std::size_t starts = 0;
  Watcher watcher([&](std::string_view what) {
    if (what.ends_with(": start 3") && ++starts == 1) stop = true;
  });
  const ComparisonResult result = run({"test", "test:cost_ns=1000"}, watcher);
  EXPECT_EQ(result.stopped_by, "interrupted");
  for (const Row& row : result.rows) {
    EXPECT_EQ(row.outcome, Outcome::measured);
    EXPECT_TRUE(row.statistics);
    EXPECT_GE(row.processes.size(), 2U);
  }
  EXPECT_THAT(result.pairs, SizeIs(1));
}

TEST_F(Runner, InterruptedAtOnceItHasNothing) {
  stop = true;
  const ComparisonResult result = run({"test", "absent"});
  EXPECT_EQ(result.stopped_by, "interrupted");
  EXPECT_EQ(result.rows.at(0).outcome, Outcome::interrupted);
  EXPECT_FALSE(result.rows.at(0).statistics);
  EXPECT_EQ(result.rows.at(1).outcome, Outcome::not_available) << "the earlier reason stays";
}

TEST_F(Runner, WithoutATruthNothingIsVerified) {
  CaseInputs untested = inputs();
  untested.expectation = {};
  untested.expectation.unverifiable = "the reference lacks Foo";
  SilentProgress progress;
  const ComparisonRunner runner({test_engine()}, settings, folder.path(), nullptr);
  const ComparisonResult result =
      runner.run(model(), untested, Axes{}, parse_engines({"test"}), "test", {}, progress);
  EXPECT_EQ(result.rows.at(0).outcome, Outcome::measured) << result.rows[0].reason;
  EXPECT_EQ(result.rows.at(0).verification.check, Check::unverified);
  EXPECT_EQ(result.rows.at(0).verification.reason, "the reference lacks Foo");
}

}  // namespace
}  // namespace moliere::bench
