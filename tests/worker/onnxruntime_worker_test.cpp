// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/file.hpp"
#include "moliere/onnx/builder.hpp"
#include "moliere/onnx/model_file.hpp"
#include "moliere/worker/protocol.hpp"

#include <algorithm>
#include <cstring>

#include "worker/worker_under_test.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using worker::protocol::from_json;
using worker::protocol::to_json;
namespace protocol = worker::protocol;

const TensorSpec input{"x", DataType::float32, {2, 2}};

std::vector<onnx::Dimension> dimensions(bool fixed) {
  const onnx::Dimension batch = fixed ? onnx::Dimension{2, ""} : onnx::Dimension{{}, "batch"};
  return {batch, {2, ""}};
}

/// negative = x < 0 (bool), doubled = x + x.
onnx::Model two_outputs(bool fixed) {
  onnx::GraphBuilder builder("two_outputs");
  builder.input("x", DataType::float32, dimensions(fixed));
  builder.initializer("zero", Tensor::scalar(0.0F));
  builder.node("Less", {"x", "zero"}, {}, {"negative"});
  builder.node("Add", {"x", "x"}, {}, {"doubled"});
  builder.output("negative", DataType::boolean, dimensions(fixed));
  builder.output("doubled", DataType::float32, dimensions(fixed));
  return builder.build();
}

class OnnxRuntimeWorker : public testing::Test {
 protected:
  void SetUp() override { start({}); }

  void start(std::map<std::string, std::string> environment) {
    environment["XDG_CACHE_HOME"] = cache_.path();
    worker_ = std::make_unique<test::WorkerUnderTest>(ONNXRUNTIME_WORKER,
                                                      test::Launch{std::move(environment), 0});
    ready_ = Json::parse(worker_->read_line().value_or("{}"));
    const bool is_there = ready_["type"] != "unavailable";
    if (!is_there) GTEST_SKIP() << ready_["reason"];
  }

  Json load(const onnx::Model& model, const engine::Configuration& configuration,
            std::vector<std::string> outputs = {"doubled", "negative"}) {
    const auto path = folder_.path() / "model.onnx";
    onnx::save_model(model, path);
    return worker_->ask(to_json(protocol::Load{path, configuration, {input}, std::move(outputs)}));
  }

  Json bind(const std::vector<std::vector<float>>& slots) {
    protocol::Bind request;
    for (const std::vector<float>& values : slots) {
      const auto path = folder_.path() / std::to_string(request.slots.size());
      write_atomically(path, std::as_bytes(std::span(values)));
      request.slots.push_back({{input, path}});
    }
    return worker_->ask(to_json(request));
  }

  /// One call; the outputs are then in files "0", "1" of out_.
  std::vector<protocol::TensorFile> infer(std::size_t slot, std::size_t stream = 0) {
    const Json reply = worker_->ask(
        to_json(protocol::Infer{slot, stream, {out_.path() / "0", out_.path() / "1"}}));
    if (reply["type"] != "inferred") {
      ADD_FAILURE() << reply;
      return {};
    }
    return from_json<protocol::Inferred>(reply).outputs;
  }
  template <class T>
  std::vector<T> output(const std::string& name) {
    const std::vector<std::byte> bytes = read_bytes(out_.path() / name);
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  void expect_right_answers(const engine::Configuration& configuration, bool fixed) {
    const Json loaded = load(two_outputs(fixed), configuration);
    ASSERT_EQ(loaded["type"], "loaded") << loaded;
    ASSERT_EQ(bind({{1, -2, 3, -4}, {-0.5F, 0, 0, 7}})["type"], "bound");
    for (std::size_t stream = 0; stream < static_cast<std::size_t>(configuration.streams);
         ++stream) {
      for (int visit = 0; visit < 2; ++visit) {
        const auto outputs = infer(0, stream);
        ASSERT_EQ(outputs.size(), 2U);
        EXPECT_EQ(outputs[0].spec, (TensorSpec{"doubled", DataType::float32, {2, 2}}));
        EXPECT_EQ(outputs[1].spec, (TensorSpec{"negative", DataType::boolean, {2, 2}}));
        EXPECT_THAT(output<float>("0"), ElementsAre(2, -4, 6, -8));
        EXPECT_THAT(output<std::uint8_t>("1"), ElementsAre(0, 1, 0, 1));
        infer(1, stream);
        EXPECT_THAT(output<float>("0"), ElementsAre(-1, 0, 0, 14));
        EXPECT_THAT(output<std::uint8_t>("1"), ElementsAre(1, 0, 0, 0));
      }
    }
  }

  Json measure() {
    return worker_->ask(to_json(protocol::Measure{.duration_ns = 1'000'000, .keep = 1}));
  }

  TemporaryDirectory folder_;
  TemporaryDirectory out_;
  TemporaryDirectory cache_;
  std::unique_ptr<test::WorkerUnderTest> worker_;
  Json ready_;
};

TEST_F(OnnxRuntimeWorker, SaysWhatItIs) {
  const auto ready = from_json<protocol::Ready>(ready_);
  EXPECT_EQ(ready.engine.name, "onnxruntime");
  EXPECT_THAT(ready.engine.version, HasSubstr("."));
  EXPECT_THAT(ready.engine.devices, ElementsAre("cpu"));
  EXPECT_LT(ready.started_ns, ready.ready_ns);
}

TEST_F(OnnxRuntimeWorker, FixedShapes) { expect_right_answers({}, true); }
TEST_F(OnnxRuntimeWorker, OpenShapes) { expect_right_answers({}, false); }

TEST_F(OnnxRuntimeWorker, ShapesMayDependOnTheData) {
  onnx::GraphBuilder builder("nonzero");
  builder.input("x", DataType::float32, dimensions(true));
  builder.node("NonZero", {"x"}, {}, {"places"});
  builder.output("places", DataType::int64, {{2, ""}, {{}, "found"}});
  load(builder.build(), {}, {"places"});
  bind({{1, 2, 3, 4}, {0, 5, 0, 0}});
  const auto places = [&](std::size_t slot) {
    const auto file = out_.path() / "0";
    const auto reply =
        from_json<protocol::Inferred>(worker_->ask(to_json(protocol::Infer{slot, 0, {file}})));
    EXPECT_EQ(reply.outputs.at(0).spec.type, DataType::int64);
    return output<std::int64_t>("0");
  };
  EXPECT_THAT(places(0), ElementsAre(0, 0, 1, 1, 0, 1, 0, 1));
  EXPECT_THAT(places(1), ElementsAre(0, 1));
}

TEST_F(OnnxRuntimeWorker, EveryOptionWorks) {
  const auto ready = from_json<protocol::Ready>(ready_);
  for (const engine::OptionSpec& option : ready.engine.options) {
    for (const std::string& choice : option.choices) {
      engine::Configuration configuration;
      configuration.options = {{option.key, choice}};
      expect_right_answers(configuration, true);
    }
  }
}

TEST_F(OnnxRuntimeWorker, StreamsOfBothKinds) {
  for (const char* sessions : {"per_stream", "shared"}) {
    engine::Configuration configuration;
    configuration.streams = 2;
    configuration.options = {{"sessions", sessions}};
    expect_right_answers(configuration, false);
    EXPECT_EQ(measure()["threads"], 3) << "one for each stream and the one that reads requests";
  }
}

TEST_F(OnnxRuntimeWorker, OneThreadIsOneThreadAndTelemetryIsOff) {
  ::setenv("ORT_DISABLE_TELEMETRY", "0", 1);  // the adapter says so itself
  start({});
  expect_right_answers({}, true);
  EXPECT_EQ(measure()["threads"], 1);
  EXPECT_TRUE(std::filesystem::is_empty(cache_.path()));
  engine::Configuration configuration;
  configuration.threads = 3;
  expect_right_answers(configuration, true);
  EXPECT_EQ(measure()["threads"], 3);
}

TEST_F(OnnxRuntimeWorker, OptionsInUseAreRecorded) {
  engine::Configuration configuration;
  configuration.options = {{"arena", "off"}};
  const auto loaded = from_json<protocol::Loaded>(load(two_outputs(true), configuration));
  EXPECT_EQ(loaded.options.at("arena"), "off");
  EXPECT_EQ(loaded.options.at("spinning"), "off");
  EXPECT_EQ(loaded.options.at("optimization"), "all");
}

TEST_F(OnnxRuntimeWorker, WhatItCannotDoIsAReason) {
  engine::Configuration cuda;
  cuda.device = "cuda";
  const Json no_device = load(two_outputs(true), cuda);
  EXPECT_EQ(no_device["kind"], "not_supported");
  EXPECT_THAT(no_device["reason"].get<std::string>(), HasSubstr("CPUExecutionProvider"));

  engine::Configuration bad_threads;
  bad_threads.options = {{"inter_op_threads", "many"}};
  EXPECT_EQ(load(two_outputs(true), bad_threads)["kind"], "not_supported");

  onnx::GraphBuilder builder("unknown");
  builder.input("x", DataType::float32, dimensions(true));
  builder.node("Teleport", {"x"}, {}, {"doubled"});
  builder.output("doubled", DataType::float32, dimensions(true));
  const Json unknown = load(builder.build(), {}, {"doubled"});
  EXPECT_EQ(unknown["kind"], "not_supported");
  EXPECT_THAT(unknown["reason"].get<std::string>(), HasSubstr("Teleport"));

  onnx::Model from_the_future = two_outputs(true);
  from_the_future.ir_version = 99;
  EXPECT_EQ(load(from_the_future, {})["kind"], "not_supported");

  EXPECT_EQ(load(two_outputs(true), {}, {"absent"})["kind"], "failed");
  expect_right_answers({}, true);
}

TEST_F(OnnxRuntimeWorker, FilesThatAreNoModelsFail) {
  const auto path = folder_.path() / "model.onnx";
  for (const std::string_view text : {"", "this is no model"}) {
    write_atomically(path, text);
    const Json reply = worker_->ask(to_json(protocol::Load{path, {}, {input}, {"doubled"}}));
    EXPECT_EQ(reply["kind"], "failed") << reply;
  }
  EXPECT_EQ(worker_->ask(to_json(protocol::Load{"/nowhere", {}, {input}, {"doubled"}}))["kind"],
            "failed");
}

TEST_F(OnnxRuntimeWorker, WithoutItsLibraryItSaysWhatToDo) {
  for (const std::string library : {"/nowhere/libonnxruntime.so", "libc.so.6"}) {
    test::WorkerUnderTest worker(ONNXRUNTIME_WORKER,
                                 test::Launch{{{"MOLIERE_ONNXRUNTIME_LIBRARY", library}}, 0});
    const Json message = Json::parse(worker.read_line().value_or("{}"));
    EXPECT_EQ(message["type"], "unavailable") << message;
    EXPECT_THAT(message["reason"].get<std::string>(), HasSubstr("MOLIERE_ONNXRUNTIME_LIBRARY"));
    EXPECT_EQ(worker.wait(), 0);
  }
}

}  // namespace
}  // namespace moliere
