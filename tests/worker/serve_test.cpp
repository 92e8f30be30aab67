// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/file.hpp"
#include "moliere/worker/counters.hpp"
#include "moliere/worker/protocol.hpp"

#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>

#include "worker/worker_under_test.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

namespace moliere {
namespace {
using test::WorkerUnderTest;
using testing::HasSubstr;
using worker::protocol::from_json;
using worker::protocol::to_json;
namespace protocol = worker::protocol;

constexpr std::int64_t slots = 3;
const TensorSpec input{"x", DataType::float32, {2}};

/// A conversation with the tiny worker (y = 2 x), up to the step that a test is about.
class Serve : public testing::Test {
 protected:
  void start(const test::Launch& launch = {}) {
    worker_ = std::make_unique<WorkerUnderTest>(TINY_WORKER, launch);
  }
  Json read_ready() { return Json::parse(worker_->read_line().value_or("{}")); }

  engine::Configuration configuration(const engine::Options& options, int streams = 1) {
    engine::Configuration configuration;
    configuration.options = options;
    configuration.streams = streams;
    return configuration;
  }
  Json prepare(const engine::Options& options = {}) {
    return worker_->ask(to_json(protocol::Prepare{"/m", folder_.path(), configuration(options)}));
  }
  Json load(const engine::Options& options = {}, int streams = 1) {
    return worker_->ask(
        to_json(protocol::Load{"/m", configuration(options, streams), {input}, {"y"}}));
  }
  /// Slot s holds {s, -s}.
  Json bind() {
    protocol::Bind request;
    for (std::int64_t slot = 0; slot < slots; ++slot) {
      const std::vector<float> values{static_cast<float>(slot), -static_cast<float>(slot)};
      const auto path = folder_.path() / std::to_string(slot);
      write_atomically(path, std::as_bytes(std::span(values)));
      request.slots.push_back({{input, path}});
    }
    return worker_->ask(to_json(request));
  }
  Json infer(std::size_t slot, std::size_t stream = 0) {
    return worker_->ask(to_json(protocol::Infer{slot, stream, {folder_.path() / "y"}}));
  }
  std::vector<float> output() {
    const std::vector<std::byte> bytes = read_bytes(folder_.path() / "y");
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  Json measure() {
    return worker_->ask(to_json(protocol::Measure{.duration_ns = 1'000'000, .keep = 8}));
  }
  void start_loaded(const engine::Options& options, int streams = 1) {
    start();
    read_ready();
    ASSERT_EQ(prepare(options)["type"], "prepared");
    ASSERT_EQ(load(options, streams)["type"], "loaded");
    ASSERT_EQ(bind()["type"], "bound");
  }
  /// Sends a `measure` that gets no proper reply.
  void send_measure() {
    Json request = to_json(protocol::Measure{});
    request["id"] = 99;
    worker_->send(request.dump());
  }

  TemporaryDirectory folder_;
  std::unique_ptr<WorkerUnderTest> worker_;
};

TEST_F(Serve, AWholeConversation) {
  start();
  const auto ready = from_json<protocol::Ready>(read_ready());
  EXPECT_EQ(ready.protocol, 1);
  EXPECT_EQ(ready.engine.name, "test");
  EXPECT_EQ(ready.pid, worker_->pid());
  EXPECT_LE(ready.started_ns, ready.ready_ns);
  EXPECT_GT(ready.clock_ns, 0);

  const auto prepared = from_json<protocol::Prepared>(prepare());
  EXPECT_EQ(prepared.artifact.path, "/m");
  const auto loaded = from_json<protocol::Loaded>(load({{"cost_ns", "100"}}));
  EXPECT_EQ(loaded.options.at("cost_ns"), "100");
  EXPECT_EQ(loaded.options.at("behaviour"), "good") << "defaults are filled in";
  EXPECT_EQ(bind()["type"], "bound");

  const auto inferred = from_json<protocol::Inferred>(infer(2));
  EXPECT_EQ(output(), (std::vector<float>{4, -4}));
  ASSERT_EQ(inferred.outputs.size(), 1U);
  EXPECT_EQ(inferred.outputs[0].spec, (TensorSpec{"y", DataType::float32, {2}}));
  infer(0);
  EXPECT_EQ(output(), (std::vector<float>{0, 0}));

  const auto calibrated =
      from_json<protocol::Calibrated>(worker_->ask(to_json(protocol::Calibrate{2500})));
  EXPECT_GT(calibrated.calls_per_sample, 1);
  const auto measured = from_json<protocol::Measured>(measure());
  EXPECT_GT(measured.calls, 0);
  EXPECT_GE(measured.wall_ns, 1'000'000);
  EXPECT_LE(measured.min_ns, measured.median_ns);
  EXPECT_LE(measured.median_ns, measured.max_ns);
  EXPECT_LE(measured.kept_ns.size(), 8U);
  EXPECT_EQ(measured.threads, 1);

  EXPECT_EQ(worker_->ask(to_json(protocol::Shutdown{}))["type"], "bye");
  EXPECT_FALSE(worker_->read_line()) << "it leaves by itself";
  EXPECT_EQ(worker_->wait(), 0);
}

TEST_F(Serve, StreamsAllAnswer) {
  start_loaded({}, 3);
  for (std::size_t stream = 0; stream < 3; ++stream) {
    infer(1, stream);
    EXPECT_EQ(output(), (std::vector<float>{2, -2}));
  }
  EXPECT_GE(measure()["threads"], 4) << "one for each stream and the one that reads requests";
  EXPECT_EQ(infer(0, 3)["kind"], "bad_request");
}

TEST_F(Serve, StreamsHaveSessionsOfTheirOwn) {
  start_loaded({{"behaviour", "wrong_later"}}, 2);
  infer(1, 0);
  infer(1, 0);
  EXPECT_NE(output(), (std::vector<float>{2, -2})) << "the second call of the first session";
  infer(1, 1);
  EXPECT_EQ(output(), (std::vector<float>{2, -2})) << "the first call of the second session";
}

TEST_F(Serve, DenormalOutputsAreCountedOverAllStreams) {
  start_loaded({}, 2);
  EXPECT_EQ(measure()["denormals"], 0);
  const std::vector<float> values{1e-40F, 1};
  write_atomically(folder_.path() / "tiny", std::as_bytes(std::span(values)));
  worker_->ask(to_json(protocol::Bind{{{{input, folder_.path() / "tiny"}}}}));
  EXPECT_EQ(measure()["denormals"], 2);
}

TEST_F(Serve, AnotherModelCanBeLoaded) {
  start_loaded({}, 2);
  infer(0, 1);
  EXPECT_EQ(load()["type"], "loaded");
  EXPECT_EQ(infer(0)["kind"], "bad_request") << "nothing is bound to the new one";
  EXPECT_EQ(bind()["type"], "bound");
  EXPECT_EQ(bind()["type"], "bound") << "inputs can be bound anew";
  infer(1);
  EXPECT_EQ(output(), (std::vector<float>{2, -2}));
}

TEST_F(Serve, EndOfInputEndsTheWorker) {
  start();
  read_ready();
  EXPECT_EQ(worker_->wait(), 0);
}

TEST_F(Serve, BadRequestsAreAnsweredAndTheWorkerGoesOn) {
  start();
  read_ready();
  for (const std::string line : {"garbage", "[]", "{}", R"({"type": "load"})", R"({"id": 7})"}) {
    worker_->send(line);
    const Json reply = Json::parse(worker_->read_line().value_or("{}"));
    EXPECT_EQ(reply["kind"], "bad_request") << line;
    EXPECT_TRUE(reply["id"].is_null()) << line;
  }
  EXPECT_EQ(worker_->ask({{"type", "dance"}})["kind"], "bad_request");
  EXPECT_EQ(worker_->ask({{"type", "load"}})["kind"], "bad_request");
  EXPECT_EQ(measure()["kind"], "bad_request") << "before load";
  EXPECT_EQ(bind()["kind"], "bad_request") << "before load";
  EXPECT_EQ(load()["type"], "loaded");
  EXPECT_EQ(measure()["kind"], "bad_request") << "before bind";
  EXPECT_EQ(bind()["type"], "bound");
  EXPECT_EQ(infer(slots)["kind"], "bad_request") << "no such slot";
  EXPECT_EQ(worker_->ask(to_json(protocol::Infer{0, 0, {"/a", "/b"}}))["kind"], "bad_request");
  EXPECT_EQ(worker_->ask(to_json(protocol::Infer{0, 0, {"/proc/nowhere/y"}}))["kind"], "failed");
  EXPECT_EQ(infer(0)["type"], "inferred");
}

TEST_F(Serve, InputsThatDoNotFitAreRefused) {
  start_loaded({});
  protocol::Bind request{{{{input, folder_.path() / "0"}}}};
  request.slots[0][0].spec.shape = {4};
  EXPECT_EQ(worker_->ask(to_json(request))["kind"], "bad_request") << "another shape";
  request.slots[0][0].spec = input;
  write_atomically(folder_.path() / "0", "short");
  EXPECT_THAT(worker_->ask(to_json(request))["reason"].get<std::string>(),
              HasSubstr("has 5 bytes"));
  request.slots[0].clear();
  EXPECT_EQ(worker_->ask(to_json(request))["kind"], "bad_request") << "an input is missing";
  request.slots[0] = {{input, folder_.path() / "missing"}};
  EXPECT_EQ(worker_->ask(to_json(request))["kind"], "failed");
}

TEST_F(Serve, UnknownOptionsAreNotSupported) {
  start();
  read_ready();
  const Json reply = prepare({{"colour", "red"}});
  EXPECT_EQ(reply["kind"], "not_supported");
  EXPECT_THAT(reply["reason"].get<std::string>(), HasSubstr("colour"));
  EXPECT_EQ(load({{"behaviour", "excellent"}})["kind"], "not_supported");
  EXPECT_EQ(load({{"cost_ns", "much"}})["kind"], "not_supported");
  EXPECT_EQ(load()["type"], "loaded");
}

TEST_F(Serve, WhatALibraryPrintsDoesNotDisturb) {
  start_loaded({{"behaviour", "prints"}, {"at", "infer"}});
  EXPECT_EQ(infer(1)["type"], "inferred");
  EXPECT_EQ(output(), (std::vector<float>{2, -2}));
  EXPECT_EQ(measure()["type"], "measured");
}

TEST_F(Serve, FailuresOfTheEngineAreReplies) {
  start_loaded({{"behaviour", "fails"}});
  EXPECT_EQ(measure()["kind"], "failed");
  EXPECT_EQ(infer(1)["type"], "inferred") << "the worker still answers";
  start_loaded({{"behaviour", "fails"}}, 2);
  EXPECT_EQ(measure()["kind"], "failed") << "in a stream's thread";
}

TEST_F(Serve, RefusalsAreReplies) {
  start();
  read_ready();
  EXPECT_EQ(prepare({{"behaviour", "refuses"}, {"at", "prepare"}})["kind"], "not_supported");
  EXPECT_EQ(load({{"behaviour", "refuses"}, {"at", "load"}})["kind"], "not_supported");
}

TEST_F(Serve, AnEngineThatIsNotThereSaysSo) {
  start({.environment = {{"MOLIERE_TEST_AT_READY", "refuses"}}});
  const auto unavailable = from_json<protocol::Unavailable>(read_ready());
  EXPECT_EQ(unavailable.engine, "test");
  EXPECT_THAT(unavailable.reason, HasSubstr("refuse"));
  EXPECT_EQ(worker_->wait(), 0);
}

TEST_F(Serve, OutOfMemoryIsAReply) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need more address space than the limit leaves";
#endif
  start({.memory_limit = std::uint64_t{512} << 20});
  read_ready();
  prepare({{"behaviour", "out_of_memory"}, {"at", "load"}});
  EXPECT_EQ(load({{"behaviour", "out_of_memory"}, {"at", "load"}})["kind"], "out_of_memory");
  EXPECT_EQ(load()["type"], "loaded") << "the worker still answers";
}

TEST_F(Serve, CrashAndSilentExitShowInTheStatus) {
  start_loaded({{"behaviour", "crash"}});
  send_measure();
  EXPECT_FALSE(worker_->read_line());
  int status = worker_->wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) << status;
  start_loaded({{"behaviour", "silent_exit"}});
  send_measure();
  EXPECT_FALSE(worker_->read_line());
  EXPECT_EQ(worker_->wait(), 0);
}

TEST_F(Serve, GarbageAndHalfMessagesReachTheCaller) {
  start_loaded({{"behaviour", "garbage"}, {"at", "infer"}});
  Json request = to_json(protocol::Infer{});
  request["id"] = 99;
  worker_->send(request.dump());
  EXPECT_EQ(worker_->read_line(), "this is no message");
  start_loaded({{"behaviour", "dies_mid_message"}});
  send_measure();
  EXPECT_EQ(worker_->read_line(), "{\"type\": \"meas");
  EXPECT_TRUE(WIFEXITED(worker_->wait()));
}

TEST_F(Serve, AHangingEngineSaysNothing) {
  start_loaded({{"behaviour", "hang"}});
  send_measure();
  EXPECT_TRUE(worker_->is_silent_for(200));
}

TEST_F(Serve, WrongAnswersAreWrong) {
  start_loaded({{"behaviour", "wrong"}});
  infer(1);
  EXPECT_NE(output(), (std::vector<float>{2, -2}));
  EXPECT_NEAR(output()[0], 2, 0.021);
  start_loaded({{"behaviour", "wrong_later"}});
  infer(1);
  EXPECT_EQ(output(), (std::vector<float>{2, -2}));
  infer(2);
  EXPECT_EQ(output(), (std::vector<float>{4, -4}));
  infer(1);
  EXPECT_NE(output(), (std::vector<float>{2, -2}));
  start_loaded({{"behaviour", "caching"}});
  infer(2);
  EXPECT_EQ(output(), (std::vector<float>{0, 0})) << "the answer for slot 0";
}

TEST_F(Serve, AnIdleWorkerUsesNoProcessorTime) {
  start_loaded({}, 2);
  measure();
  const auto cpu_ticks = [&] {
    std::ifstream stat("/proc/" + std::to_string(worker_->pid()) + "/stat");
    std::string word;
    for (int field = 1; field <= 13; ++field) stat >> word;
    long user = 0;
    long system = 0;
    stat >> user >> system;
    return user + system;
  };
  const long before = cpu_ticks();
  EXPECT_TRUE(worker_->is_silent_for(200));
  EXPECT_LE(cpu_ticks() - before, 2) << "ticks of 10 ms; a spinning thread would use 20";
}

}  // namespace
}  // namespace moliere
