// SPDX-License-Identifier: Apache-2.0
// Runs that end before their time: what was measured is kept, and no worker stays.
#include "moliere/core/json.hpp"

#include <csignal>
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

/// A run of three comparisons: the first one is done when its table is out.
class Interrupted : public testing::Test {
 protected:
  void start() {
    program.start({"bench", "Linear_event", "--batch", "1", "--threads", "1,2,3", "-e",
                   "test:cost_ns=20000", "--budget", "12", "-o", "run.json"});
    ASSERT_TRUE(program.says("1 thread,")) << "the first comparison does not end";
  }
  /// Waits for the workers of the run to go, as long as a slow machine may need.
  std::vector<pid_t> workers_left() const {
    std::vector<pid_t> left;
    for (int attempt = 0; attempt < 500; ++attempt) {
      left = test::workers_of_session(program.pid());
      if (left.empty()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return left;
  }
  std::size_t comparisons_of_result() const {
    return Json::parse(read_text(folder.path() / "run.json")).at("comparisons").size();
  }

  TemporaryDirectory folder{"moliere-interrupted"};
  test::Program program{folder.path()};
};

TEST_F(Interrupted, CtrlCKeepsWhatWasMeasured) {
  start();
  program.signal(SIGINT);
  const Outcome outcome = program.wait();
  EXPECT_EQ(outcome.code, 130) << outcome.err;
  EXPECT_GE(comparisons_of_result(), 1U);
  EXPECT_TRUE(fs::exists(folder.path() / "run.json.journal")) << "--resume needs it";
  EXPECT_TRUE(fs::is_empty(program.temporary())) << "temporary files are left";
  EXPECT_THAT(workers_left(), IsEmpty());
}

TEST_F(Interrupted, AKilledRunGoesOnWithWhatItHad) {
  start();
  program.signal(SIGKILL);
  EXPECT_EQ(program.wait().code, 128 + SIGKILL);
  EXPECT_FALSE(fs::exists(folder.path() / "run.json"));
  EXPECT_THAT(workers_left(), IsEmpty()) << "workers outlive their master";

  const std::string journal = read_text(folder.path() / "run.json.journal");
  const Outcome resumed =
      program.run({"bench", "Linear_event", "--batch", "1", "--threads", "1,2,3", "-e",
                   "test:cost_ns=20000", "--budget", "1", "-o", "run.json", "--resume"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(comparisons_of_result(), 3U);
  EXPECT_FALSE(fs::exists(folder.path() / "run.json.journal"));
  // The first comparison is the one of before, sample by sample.
  const Json first = Json::parse(read_text(folder.path() / "run.json")).at("comparisons")[0];
  const std::string process = first.at("rows")[0].at("processes")[0].dump();
  EXPECT_NE(journal.find(process), std::string::npos);
}

TEST_F(Interrupted, AnotherRunsJournalIsNotTaken) {
  start();
  program.signal(SIGKILL);
  program.wait();
  const std::vector<std::string> same{"bench",     "Linear_event", "--batch", "1",
                                      "--threads", "1,2,3",        "-e",      "test:cost_ns=20000",
                                      "-o",        "run.json",     "--resume"};
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{
           {"-e", "reference"}, {"--seed", "2"}, {"--input-range", "x=0:2"}, {"--dim", "n=2"}}) {
    std::vector<std::string> other = same;
    other.insert(other.end(), more.begin(), more.end());
    const Outcome outcome = program.run(other);
    EXPECT_EQ(outcome.code, 2) << more[0];
    EXPECT_THAT(outcome.err, HasSubstr("run.json.journal belongs to another run")) << more[0];
  }
}

}  // namespace
}  // namespace moliere
