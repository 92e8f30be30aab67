// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/worker_process.hpp"

#include "moliere/bench/exchange.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <csignal>
#include <fstream>
#include <optional>
#include <thread>

#include "bench/test_engine.hpp"
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace moliere::bench {
namespace {
namespace fs = std::filesystem;
namespace protocol = worker::protocol;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

/// Long enough for a loaded machine, short enough to notice a test that hangs.
constexpr WorkerProcess::Seconds patience{60};

/// Whether the process runs; one that has ended and that nobody asked about does not.
bool exists(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string text;
  std::getline(stat, text);
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.substr(name_end, 3) != ") Z";
}

/// Waits until the process is gone, as a child of someone else.
bool goes_away(pid_t pid) {
  for (int i = 0; i < 500 && exists(pid); ++i) std::this_thread::sleep_for(10ms);
  return !exists(pid);
}

class Worker : public testing::Test {
 protected:
  // As main() does: a worker that died is no reason for the caller to die.
  void SetUp() override { std::signal(SIGPIPE, SIG_IGN); }

  WorkerLaunch launch(std::map<std::string, std::string> environment = {}) const {
    WorkerLaunch result = launch_of(test_engine(), 1, folder.path() / "log");
    result.environment.merge(environment);
    return result;
  }
  /// A shell script in the place of a worker.
  WorkerLaunch script(const std::string& text) const {
    WorkerLaunch result;
    result.command = {"/bin/sh", "-c", text};
    result.log = folder.path() / "log";
    return result;
  }
  static Failure failure_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const WorkerFailure& failure) {
      return failure.failure();
    }
    ADD_FAILURE() << "nothing failed";
    return {};
  }
  static Failure start_failure(const WorkerLaunch& launch,
                               WorkerProcess::Seconds timeout = patience) {
    return failure_of([&] { WorkerProcess worker(launch, timeout); });
  }
  static protocol::Prepare prepare(const std::string& behaviour) {
    protocol::Prepare request;
    request.model = "any.onnx";
    request.configuration.options = {{"behaviour", behaviour}, {"at", "prepare"}};
    return request;
  }
  /// Asks a started worker that misbehaves at `prepare`.
  Failure prepare_failure(const std::string& behaviour,
                          WorkerProcess::Seconds timeout = patience) const {
    WorkerProcess worker(launch(), patience);
    return failure_of([&] { worker.ask<protocol::Prepared>(prepare(behaviour), timeout); });
  }

  TemporaryDirectory folder{"moliere-worker"};
};

/// The first line of a worker that is all right.
std::string ready_line() {
  protocol::Ready ready;
  ready.engine.name = "script";
  return protocol::to_json(ready).dump();
}

TEST_F(Worker, StartsAnswersAndEnds) {
  WorkerProcess worker(launch(), patience);
  EXPECT_EQ(worker.ready().engine.name, "test");
  EXPECT_GT(worker.start_ns(), 0);
  EXPECT_NO_THROW(worker.ask<protocol::Prepared>(prepare("good"), patience));
  const auto pid = static_cast<pid_t>(worker.ready().pid);
  EXPECT_TRUE(exists(pid));
  worker.shut_down();
  EXPECT_FALSE(exists(pid));
  worker.shut_down();  // nothing is left to do
}

TEST_F(Worker, SeesItsEnvironmentAndItsCpu) {
  WorkerLaunch launched = script("echo \"$EXTRA $(taskset -pc $$ | sed 's/.*: //')\" >&2; exit 3");
  launched.environment["EXTRA"] = "given";
  launched.cpus = {0};
  if (std::system("command -v taskset >/dev/null") != 0) GTEST_SKIP() << "no taskset";
  EXPECT_THAT(start_failure(launched).reason, HasSubstr("given 0"));
}

TEST_F(Worker, IsNotLeftBehind) {
  pid_t pid = 0;
  {
    WorkerProcess worker(launch(), patience);
    pid = static_cast<pid_t>(worker.ready().pid);
  }
  EXPECT_FALSE(exists(pid));
}

TEST_F(Worker, HelpersEndWithIt) {
  const fs::path note = folder.path() / "helper";
  const Failure failure = start_failure(
      script(fmt::format("sleep 1000 >/dev/null 2>&1 & echo $! > '{}'; exit 3", note.string())));
  EXPECT_EQ(failure.outcome, Outcome::crashed);
  EXPECT_TRUE(goes_away(static_cast<pid_t>(std::stol(read_text(note)))));
}

TEST_F(Worker, DiesWithTheCaller) {
  // A second process plays moliere and is killed while its worker hangs.
  const fs::path note = folder.path() / "pid";
  const pid_t caller = ::fork();
  if (caller == 0) {
    try {
      WorkerProcess worker(launch(), patience);
      write_atomically(note, fmt::format("{}", worker.ready().pid));
      worker.ask<protocol::Prepared>(prepare("hang"), patience);
    } catch (...) {
    }
    ::_exit(0);
  }
  for (int i = 0; i < 3000 && !fs::exists(note); ++i) std::this_thread::sleep_for(10ms);
  ASSERT_TRUE(fs::exists(note));
  const auto pid = static_cast<pid_t>(std::stol(read_text(note)));
  EXPECT_TRUE(exists(pid));
  ::kill(caller, SIGKILL);
  ::waitpid(caller, nullptr, 0);
  EXPECT_TRUE(goes_away(pid));
}

TEST_F(Worker, ProgramsThatCannotStartAreNotAvailable) {
  WorkerLaunch absent = launch();
  absent.command = {(folder.path() / "absent").string()};
  const Failure failure = start_failure(absent);
  EXPECT_EQ(failure.outcome, Outcome::not_available);
  EXPECT_EQ(failure.phase, "start");
  EXPECT_THAT(failure.reason, HasSubstr("cannot be started"));
}

TEST_F(Worker, EnginesThatAreNotThereSaySo) {
  const Failure failure = start_failure(launch({{"MOLIERE_TEST_AT_READY", "refuses"}}));
  EXPECT_EQ(failure.outcome, Outcome::not_available);
  EXPECT_THAT(failure.reason, HasSubstr("told to refuse"));
}

TEST_F(Worker, LogsThatCannotBeWrittenAreErrors) {
  WorkerLaunch launched = launch();
  launched.log = "/dev/null/log";
  EXPECT_THROW(WorkerProcess(launched, patience), Error);
}

TEST_F(Worker, MisbehaviourBeforeReady) {
  const auto at_ready = [&](const std::string& behaviour, double timeout = 60) {
    return start_failure(launch({{"MOLIERE_TEST_AT_READY", behaviour}}),
                         WorkerProcess::Seconds(timeout));
  };
  EXPECT_EQ(at_ready("crash").outcome, Outcome::crashed);
  EXPECT_EQ(at_ready("hang", 0.5).outcome, Outcome::timed_out);
  EXPECT_EQ(at_ready("silent_exit").outcome, Outcome::crashed);
  EXPECT_EQ(at_ready("garbage").outcome, Outcome::protocol_error);
  EXPECT_EQ(at_ready("slow_start", 0.5).outcome, Outcome::timed_out);
}

TEST_F(Worker, CrashesNameTheSignal) {
  const Failure failure = prepare_failure("crash");
  EXPECT_EQ(failure.outcome, Outcome::crashed);
  EXPECT_EQ(failure.phase, "prepare");
  EXPECT_THAT(failure.reason, HasSubstr("signal 11"));
}

TEST_F(Worker, SilenceEndsAtTheTimeOut) {
  const Failure failure = prepare_failure("hang", 1s);
  EXPECT_EQ(failure.outcome, Outcome::timed_out);
  EXPECT_THAT(failure.reason, HasSubstr("no answer within 1 s"));
}

TEST_F(Worker, EndsWithoutAnAnswer) {
  const Failure silent = prepare_failure("silent_exit");
  EXPECT_EQ(silent.outcome, Outcome::crashed);
  EXPECT_THAT(silent.reason, HasSubstr("exited with code 0 before it answered"));
  const Failure half = prepare_failure("dies_mid_message");
  EXPECT_EQ(half.outcome, Outcome::crashed);
  EXPECT_THAT(half.reason, AllOf(HasSubstr("code 1"), HasSubstr("in the middle of a message")));
}

TEST_F(Worker, GarbageIsShown) {
  const Failure failure = prepare_failure("garbage");
  EXPECT_EQ(failure.outcome, Outcome::protocol_error);
  EXPECT_THAT(failure.reason, HasSubstr("'this is no message'"));
}

TEST_F(Worker, OutOfMemoryUnderALimit) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need more address space than the limit leaves";
#endif
  WorkerLaunch launched = launch();
  launched.memory_limit = std::uint64_t{512} << 20;
  WorkerProcess worker(launched, patience);
  const Failure failure =
      failure_of([&] { worker.ask<protocol::Prepared>(prepare("out_of_memory"), patience); });
  EXPECT_EQ(failure.outcome, Outcome::out_of_memory);
  EXPECT_FALSE(failure.reason.empty());
}

TEST_F(Worker, TheKernelsKillIsOutOfMemory) {
  EXPECT_EQ(start_failure(script("kill -9 $$")).outcome, Outcome::out_of_memory);
  const Failure starved = start_failure(script("echo 'std::bad_alloc' >&2; kill -6 $$"));
  EXPECT_EQ(starved.outcome, Outcome::out_of_memory);
  EXPECT_THAT(starved.reason, HasSubstr("its last words: std::bad_alloc"));
}

TEST_F(Worker, LastWordsAreTheLastLine) {
  const Failure failure = start_failure(script("echo first >&2; echo 'second ' >&2; exit 9"));
  EXPECT_THAT(failure.reason,
              testing::EndsWith("code 9 before it answered; its last words: second"));
}

TEST_F(Worker, AnErrorReplyLeavesItAlive) {
  WorkerProcess worker(launch(), patience);
  const auto refuse = [&] { worker.ask<protocol::Prepared>(prepare("refuses"), patience); };
  EXPECT_EQ(failure_of(refuse).outcome, Outcome::not_supported);
  const auto fail = [&] { worker.ask<protocol::Prepared>(prepare("fails"), patience); };
  EXPECT_EQ(failure_of(fail).outcome, Outcome::failed);
  EXPECT_NO_THROW(worker.ask<protocol::Prepared>(prepare("good"), patience));
}

TEST_F(Worker, IsDeadAfterAFailure) {
  WorkerProcess worker(launch(), patience);
  const auto pid = static_cast<pid_t>(worker.ready().pid);
  failure_of([&] { worker.ask<protocol::Prepared>(prepare("garbage"), patience); });
  EXPECT_FALSE(exists(pid));
  EXPECT_NO_THROW(failure_of([&] { worker.ask<protocol::Prepared>(prepare("good"), patience); }));
}

TEST_F(Worker, FirstLinesThatAreNotReady) {
  const auto after = [&](const std::string& line) {
    return start_failure(script(fmt::format("echo '{}'; sleep 1000", line)));
  };
  for (const char* line :
       {R"({"type":"measured"})", R"({"type":3})", R"({"type":"ready"})", "3", "[]", "",
        R"({"type":"unavailable","reason":7})", R"({"type":"ready","protocol":"1"})"}) {
    const Failure failure = after(line);
    EXPECT_EQ(failure.phase, "start") << line;
    EXPECT_EQ(failure.outcome, Outcome::protocol_error) << line;
  }
  EXPECT_THAT(after(R"({"type":"ready","protocol":7})").reason, HasSubstr("protocol 7"));
}

TEST_F(Worker, RepliesThatDoNotBelongToTheRequest) {
  const auto reply = [&](const std::string& line) {
    WorkerProcess worker(
        script(fmt::format("echo '{}'; read request; echo '{}'; sleep 1000", ready_line(), line)),
        patience);
    return failure_of([&] { worker.ask<protocol::Prepared>(prepare("good"), patience); });
  };
  for (const char* line :
       {R"({"type":"prepared","id":2})", R"({"type":"prepared"})", R"({"type":"loaded","id":1})",
        R"({"type":"prepared","id":"1"})", R"({"type":7,"id":1})", R"({"type":"prepared","id":1})",
        R"({"type":"error","id":1})"}) {
    const Failure failure = reply(line);
    EXPECT_EQ(failure.outcome, Outcome::protocol_error) << line;
    EXPECT_EQ(failure.phase, "prepare") << line;
  }
}

TEST_F(Worker, AWorkerThatDoesNotListenTimesOut) {
  WorkerProcess worker(script(fmt::format("echo '{}'; sleep 1000", ready_line())), patience);
  protocol::Prepare request = prepare("good");
  request.model = std::string(1 << 20, 'x');  // more than a pipe holds
  const Failure failure =
      failure_of([&] { worker.ask<protocol::Prepared>(request, WorkerProcess::Seconds(0.3)); });
  EXPECT_EQ(failure.outcome, Outcome::timed_out);
}

TEST_F(Worker, TheStopFlagEndsTheWait) {
  std::atomic<bool> stop = false;
  WorkerProcess worker(launch(), patience, &stop);
  std::thread user([&] {
    std::this_thread::sleep_for(50ms);
    stop = true;
  });
  EXPECT_THROW(worker.ask<protocol::Prepared>(prepare("hang"), patience), Interrupted);
  user.join();
  EXPECT_THROW(WorkerProcess(script("sleep 1000"), patience, &stop), Interrupted);
}

}  // namespace
}  // namespace moliere::bench
