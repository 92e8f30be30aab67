// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/protocol.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::worker::protocol {
namespace {
using testing::HasSubstr;

/// Every message, with no field at its default.
engine::Configuration configuration() {
  return {.options = {{"arena", "off"}, {"path", "readable"}},
          .device = "cuda",
          .threads = 4,
          .streams = 2,
          .device_resident = true};
}
const TensorSpec spec{"x", DataType::bfloat16, {2, 0, 3}};

template <class Message>
Json travel(const Message& message) {
  const std::string line = to_line(to_json(message));
  EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
  return Json::parse(line);
}

/// What goes through a line and the struct comes out as the same JSON.
template <class Message>
void expect_round_trip(const Message& message) {
  const Json json = travel(message);
  EXPECT_EQ(json["type"], Message::type);
  EXPECT_EQ(to_json(from_json<Message>(json)), json) << json;
}

Ready ready() {
  Ready message;
  message.engine.name = "onnxruntime";
  message.engine.version = "1.31.1";
  message.engine.components = {{"headers", "1.21"}};
  message.engine.devices = {"cpu", "cuda"};
  message.engine.options = {{"arena", "on", "keeps memory", {"on", "off"}}, {"text", "", "", {}}};
  message.pid = 4711;
  message.started_ns = 1;
  message.ready_ns = 2;
  message.clock_ns = 21.5;
  message.overhead_ns = 3.1;
  return message;
}

Measured measured() {
  return {.calls = 5000,
          .samples = 2500,
          .wall_ns = 20000312,
          .cpu_ns = 19990000,
          .min_ns = 3800.5,
          .median_ns = 3950,
          .mean_ns = 4000.1,
          .max_ns = 61000,
          .kept_ns = {3900.25, 4000},
          .voluntary_switches = 1,
          .involuntary_switches = 2,
          .page_faults = 3,
          .threads = 4,
          .denormals = 5};
}

TEST(Protocol, EveryMessageSurvivesItsJourney) {
  expect_round_trip(ready());
  expect_round_trip(Unavailable{.engine = "sofie", .reason = "not installed"});
  expect_round_trip(Prepare{"/m.onnx", "/cache", configuration()});
  expect_round_trip(Prepared{{"/m.so", "compiled", true, "/log"}, 1200});
  expect_round_trip(Load{"/m.so", configuration(), {spec}, {"y", "z"}});
  expect_round_trip(Loaded{5000000, {{"arena", "on"}}, {"a note"}});
  expect_round_trip(Bind{{{{spec, "/in/0_0"}}, {{spec, "/in/1_0"}}}});
  expect_round_trip(Bound{10});
  expect_round_trip(Infer{3, 1, {"/out/0"}});
  expect_round_trip(Infer{});
  expect_round_trip(Inferred{81000, {{spec, "/out/0"}}});
  expect_round_trip(Inferred{81000, {}});
  expect_round_trip(Measure{1, 2, 3, 4});
  expect_round_trip(measured());
  expect_round_trip(Calibrate{5000});
  expect_round_trip(Calibrated{12, 210.5});
  expect_round_trip(Shutdown{});
  expect_round_trip(Bye{});
  expect_round_trip(Failure{"failed", "line one\nline two"});
}

TEST(Protocol, StructsHoldWhatTheJsonSays) {
  const auto configured = from_json<Prepare>(travel(Prepare{"/m", "/c", configuration()}));
  EXPECT_EQ(configured.configuration.options, configuration().options);
  EXPECT_EQ(configured.configuration.device, "cuda");
  EXPECT_EQ(configured.configuration.threads, 4);
  EXPECT_EQ(configured.configuration.streams, 2);
  EXPECT_TRUE(configured.configuration.device_resident);
  EXPECT_EQ(from_json<Load>(travel(Load{"/m", {}, {spec}, {}})).inputs[0], spec);
  EXPECT_EQ(from_json<Measured>(travel(measured())).kept_ns, measured().kept_ns);
  EXPECT_EQ(from_json<Ready>(travel(ready())).engine.options[0].choices[1], "off");
}

TEST(Protocol, UnknownFieldsAreIgnored) {
  Json json = travel(Calibrated{12, 210.5});
  json["from_the_future"] = {1, 2};
  EXPECT_EQ(from_json<Calibrated>(json).calls_per_sample, 12);
}

TEST(Protocol, OptionalFieldsMayBeMissing) {
  const Json json = Json::parse(R"({"type": "measure", "duration_ns": 5})");
  EXPECT_EQ(from_json<Measure>(json).calls_per_sample, 1);
  EXPECT_EQ(from_json<Measure>(json).keep, 64U);
  const auto lean = from_json<Ready>(Json::parse(R"({"type": "ready", "protocol": 1, "engine": "e",
                                       "version": "1", "started_ns": 1, "ready_ns": 2})"));
  EXPECT_TRUE(lean.engine.options.empty());
}

/// The error that the text gives when it is read as a Message.
template <class Message>
std::string error_of(const std::string& text) {
  try {
    from_json<Message>(Json::parse(text));
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Protocol, BadMessagesSayWhichField) {
  EXPECT_THAT(error_of<Measure>("{}"), HasSubstr("'duration_ns' is missing"));
  EXPECT_THAT(error_of<Measure>("[1]"), HasSubstr("not an object"));
  EXPECT_THAT(error_of<Measure>(R"({"duration_ns": "5"})"), HasSubstr("'duration_ns'"));
  EXPECT_THAT(error_of<Measure>(R"({"duration_ns": 1.5})"), HasSubstr("no integer"));
  EXPECT_THAT(error_of<Measure>(R"({"duration_ns": 1, "calls_per_sample": 0})"),
              HasSubstr("calls_per_sample"));
  EXPECT_THAT(error_of<Measure>(R"({"duration_ns": 1, "max_calls": -1})"), HasSubstr("max_calls"));
  EXPECT_THAT(error_of<Infer>(R"({"slot": -1})"), HasSubstr("negative"));
  EXPECT_THAT(error_of<Bind>(R"({"slots": []})"), HasSubstr("'slots'"));
  EXPECT_THAT(error_of<Bind>(R"({"slots": 3})"), HasSubstr("'slots'"));
  EXPECT_THAT(error_of<Bind>(R"({"slots": [3]})"), HasSubstr("array"));
  EXPECT_THAT(error_of<Prepared>(R"({"artifact": "/a", "route": "r"})"), HasSubstr("elapsed_ns"));
}

TEST(Protocol, SlicesThatTookNoTimeAreRefused) {
  const auto changed = [](const char* key, const Json& value) {
    Json json = travel(measured());
    json[key] = value;
    return error_of<Measured>(json.dump());
  };
  EXPECT_EQ(changed("calls", 5000), "no error");
  EXPECT_THAT(changed("calls", 0), HasSubstr("without calls"));
  EXPECT_THAT(changed("samples", 0), HasSubstr("without calls"));
  EXPECT_THAT(changed("median_ns", 0), HasSubstr("0 ns per call"));
  EXPECT_THAT(changed("mean_ns", -1.5), HasSubstr("-1.5 ns per call"));
  EXPECT_NE(changed("median_ns", nullptr), "no error");  // NaN has no JSON
}

TEST(Protocol, BadTensorsAndConfigurationsAreRefused) {
  const auto tensor = [](const std::string& type, const std::string& shape) {
    return error_of<TensorSpec>(R"({"name": "x", "type": ")" + type + R"(", "shape": )" + shape +
                                "}");
  };
  EXPECT_EQ(tensor("float32", "[2, 3]"), "no error");
  EXPECT_THAT(tensor("float33", "[2]"), HasSubstr("float33"));
  EXPECT_NE(tensor("float32", "[-1]"), "no error");
  EXPECT_NE(tensor("float32", "[4611686018427387904, 4]"), "no error");
  EXPECT_THAT(tensor("float32", R"(["N"])"), HasSubstr("shape"));
  EXPECT_THAT(error_of<engine::Configuration>(R"({"options": {}, "threads": 0})"),
              HasSubstr("threads"));
  EXPECT_THAT(error_of<engine::Configuration>(R"({"options": {}, "streams": -2})"),
              HasSubstr("streams"));
  EXPECT_THAT(error_of<engine::Configuration>(R"({"options": {"a": 1}})"), HasSubstr("'a'"));
}

TEST(Protocol, TextThatIsNotUtf8StillTravels) {
  const std::string line = to_line(to_json(Failure{"failed", "bad byte \xff here"}));
  EXPECT_THAT(from_json<Failure>(Json::parse(line)).reason, HasSubstr("bad byte"));
}

}  // namespace
}  // namespace moliere::worker::protocol
