// SPDX-License-Identifier: Apache-2.0
// `moliere evaluate` and the program that trains for it: the real one where it was built, and
// stand-ins that fail in every way.
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/json.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>

#include "apps/program.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere {
namespace {
namespace fs = std::filesystem;
using test::Outcome;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const char* const good_answer =
    R"({"runs": [{"seed": 1, "auc": 0.625, "jsd": 0.125}],)"
    R"( "roc": {"false_positive_rate": [0, 1], "true_positive_rate": [0, 1]}})";

fs::path built(const std::string& name) {
  return fs::path(std::getenv("MOLIERE_BINARY_DIR")) / "bin" / name;
}

/// Whether it comes to hold within a minute.
bool soon(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

class Classifiers : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path sample =
        fs::path(std::getenv("MOLIERE_SOURCE_DIR")) / "data" / "showers" / "photons_ds1_sample.h5";
    const calo::ShowerReader reader(sample);
    write("reference.h5", reader.read(0, 300));
    write("generated.h5", reader.read(300, 600));
    write("few.h5", reader.read(600, 700));
  }
  void write(const std::string& name, const calo::ShowerBatch& batch) {
    calo::ShowerWriter writer(folder.path() / name, batch.voxels, {}, {});
    writer.append(batch);
    writer.finish();
  }
  /// A copy of `moliere` beside a moliere-flow that is this shell script.
  void stand_in(const std::string& script) {
    const fs::path programs = folder.path() / "programs";
    fs::create_directories(programs);
    fs::copy_file(built("moliere"), programs / "moliere");
    program.binary = programs / "moliere";
    const fs::path flow = programs / "moliere-flow";
    write_atomically(flow, "#!/bin/sh\n" + script + "\n");
    fs::permissions(flow, fs::perms::owner_all);
  }
  static std::vector<std::string> words() {
    return {"evaluate", "reference.h5", "generated.h5", "-g",           "ds1-photons",
            "--quick",  "-o",           "judged",       "--classifier", "high"};
  }
  Json figures() const { return read_json(folder.path() / "judged" / "evaluation.json"); }
  /// The one classifier of an evaluation whose moliere-flow is `script`.
  Json classifier_of(const std::string& script) {
    stand_in(script);
    const Outcome outcome = program.run(words());
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return figures().at("classifiers").at(0);
  }

  TemporaryDirectory folder{"moliere-test"};
  test::Program program{folder.path()};
};

TEST_F(Classifiers, AreTrainedByTheProgramBeside) {
  if (!fs::exists(built("moliere-flow"))) GTEST_SKIP() << "moliere-flow was not built";
  const Outcome outcome = program.run(words());
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("classifier high AUC"));
  const Json classifier = figures().at("classifiers").at(0);
  ASSERT_THAT(classifier.at("runs"), SizeIs(1));
  // 60 showers of each sample are reported: an AUC scatters by some 0.05 about one half.
  EXPECT_NEAR(classifier.at("runs").at(0).at("auc").get<double>(), 0.5, 0.25);
  EXPECT_THAT(program.temporary(),
              testing::Truly([](const fs::path& path) { return fs::is_empty(path); }));
}

TEST_F(Classifiers, TheirFiguresReachTheResult) {
  const Json classifier = classifier_of("echo '" + std::string(good_answer) + "'");
  EXPECT_EQ(classifier.at("runs").at(0).at("auc"), 0.625);
  EXPECT_EQ(classifier.at("runs").at(0).at("jsd"), 0.125);
}

TEST_F(Classifiers, AProgramThatFailsIsAReasonAndAllElseIsThere) {
  const Json classifier = classifier_of("exit 3");
  EXPECT_THAT(classifier.dump(), HasSubstr("moliere-flow ended with 3"));
  EXPECT_TRUE(figures().at("fpd").is_object());
}

TEST_F(Classifiers, AProgramThatIsKilledIsAReason) {
  EXPECT_THAT(classifier_of("kill -9 $$").dump(), HasSubstr("moliere-flow ended with 137"));
}

TEST_F(Classifiers, GarbageAndHalfAnAnswerAreReasons) {
  EXPECT_THAT(classifier_of("echo 'no JSON'").dump(), HasSubstr("gave no figures"));
  fs::remove_all(folder.path() / "programs");
  EXPECT_THAT(classifier_of("echo '{\"runs\": []}'").dump(), HasSubstr("gave no figures"));
}

TEST_F(Classifiers, WithoutTheProgramTheReasonSaysHowToGetIt) {
  stand_in("");
  fs::remove(folder.path() / "programs" / "moliere-flow");
  const Outcome outcome = program.run(words());
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(figures().at("classifiers").dump(), HasSubstr("scripts/setup --all"));
}

TEST_F(Classifiers, ATrainingSetIsAskedForAsWell) {
  stand_in(R"(case "$*" in
*--train*) echo '{"runs": [{"auc": 0.75, "auc_error": 0.01, "share_learnt": 1, "training_accuracy": 0.9}]}' ;;
*) echo ')" +
           std::string(good_answer) + "' ;;\nesac");
  std::vector<std::string> with_train = words();
  std::erase(with_train, "--quick");  // which leaves it out
  // All distances are computed, which a sanitizer makes slow.
  std::ranges::replace(with_train, "reference.h5", "few.h5");
  std::ranges::replace(with_train, "generated.h5", "few.h5");
  with_train.insert(with_train.end(), {"--train", "few.h5"});
  const Outcome outcome = program.run(with_train);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("memorisation, classifier low AUC"));
  EXPECT_EQ(figures().at("membership").at("verdict"), "memorised");
  EXPECT_EQ(figures().at("membership").at("auc"), 0.75);
}

TEST_F(Classifiers, CtrlCEndsTheTrainingAndWritesNothing) {
  stand_in("echo training >&2\nexec sleep 1000");
  program.start(words());
  ASSERT_TRUE(program.says("training"));
  program.signal(SIGINT);  // to the one program alone, as a batch system sends it
  const Outcome outcome = program.wait();
  EXPECT_EQ(outcome.code, 130) << outcome.err;
  EXPECT_FALSE(fs::exists(folder.path() / "judged" / "evaluation.json"));
  EXPECT_THAT(test::workers_of_session(program.pid()), IsEmpty()) << "nothing trains on";
}

TEST_F(Classifiers, CtrlCEndsARealTraining) {
  if (!fs::exists(built("moliere-flow"))) GTEST_SKIP() << "moliere-flow was not built";
  std::vector<std::string> long_one = words();
  long_one.back() = "low";
  long_one.insert(long_one.end(), {"--seeds", "1000"});
  program.start(long_one);
  ASSERT_TRUE(soon([&] { return !test::workers_of_session(program.pid()).empty(); }));
  program.signal(SIGINT);
  const Outcome outcome = program.wait();
  EXPECT_EQ(outcome.code, 130) << outcome.err;
  EXPECT_FALSE(fs::exists(folder.path() / "judged"));
  EXPECT_TRUE(fs::is_empty(program.temporary()));
  EXPECT_THAT(test::workers_of_session(program.pid()), IsEmpty()) << "nothing trains on";
}

TEST_F(Classifiers, NothingTrainsOnForAnEvaluationThatWasKilled) {
  stand_in("echo training >&2\nexec sleep 1000");
  program.start(words());
  ASSERT_TRUE(program.says("training"));
  program.signal(SIGKILL);
  EXPECT_EQ(program.wait().code, 128 + SIGKILL);
  const auto left = [&] { return test::workers_of_session(program.pid()); };
  EXPECT_TRUE(soon([&] { return left().empty(); })) << "it trains on";
  for (const pid_t pid : left()) ::kill(pid, SIGKILL);
}

TEST_F(Classifiers, AProgramThatCannotStartIsAReason) {
  stand_in("");
  fs::permissions(folder.path() / "programs" / "moliere-flow", fs::perms::owner_read);
  const Outcome outcome = program.run(words());
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("cannot start moliere-flow"));
  EXPECT_THAT(figures().at("classifiers").dump(), HasSubstr("moliere-flow ended with 127"));
}

}  // namespace
}  // namespace moliere
