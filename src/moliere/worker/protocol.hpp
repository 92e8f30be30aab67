// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/tensor.hpp"
#include "moliere/engine/engine.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

/// The messages of docs/formats/worker-protocol.md, one struct each, for both sides: a request and
/// its reply stand together. The field `id` belongs to the conversation and is in none of them.
namespace moliere::worker::protocol {

using Json = nlohmann::ordered_json;

constexpr int version = 1;

/// The engine is here and answers requests.
struct Ready {
  static constexpr std::string_view type = "ready";
  int protocol = version;
  engine::Description engine;
  std::int64_t pid = 0;
  /// CLOCK_MONOTONIC before and after the vendor's library was loaded [ns].
  std::int64_t started_ns = 0;
  std::int64_t ready_ns = 0;
  /// Cost of reading the clock once [ns].
  double clock_ns = 0;
  /// What the timing loop adds to one call, measured on an empty session [ns].
  double overhead_ns = 0;
};

/// Instead of Ready: the engine's package is not here.
struct Unavailable {
  static constexpr std::string_view type = "unavailable";
  int protocol = version;
  std::string engine;
  std::string reason;
};

struct Prepare {
  static constexpr std::string_view type = "prepare";
  std::filesystem::path model;
  std::filesystem::path cache;
  engine::Configuration configuration;
};
struct Prepared {
  static constexpr std::string_view type = "prepared";
  engine::Artifact artifact;
  std::int64_t elapsed_ns = 0;
};

struct Load {
  static constexpr std::string_view type = "load";
  std::filesystem::path artifact;
  engine::Configuration configuration;
  std::vector<TensorSpec> inputs;
  std::vector<std::string> outputs;
};
struct Loaded {
  static constexpr std::string_view type = "loaded";
  std::int64_t elapsed_ns = 0;
  /// Every option with the value in use.
  engine::Options options;
  std::vector<std::string> notes;
};

/// A tensor whose elements lie in a file: little-endian, row-major, nothing else.
struct TensorFile {
  TensorSpec spec;
  std::filesystem::path file;
};

struct Bind {
  static constexpr std::string_view type = "bind";
  /// [slot][input].
  std::vector<std::vector<TensorFile>> slots;
};
struct Bound {
  static constexpr std::string_view type = "bound";
  std::int64_t elapsed_ns = 0;
};

struct Infer {
  static constexpr std::string_view type = "infer";
  std::size_t slot = 0;
  std::size_t stream = 0;
  /// Where the outputs go, one each; empty: nowhere.
  std::vector<std::filesystem::path> files;
};
struct Inferred {
  static constexpr std::string_view type = "inferred";
  /// The call alone.
  std::int64_t elapsed_ns = 0;
  std::vector<TensorFile> outputs;
};

struct Measure {
  static constexpr std::string_view type = "measure";
  /// From the first call; at least one sample is taken.
  std::int64_t duration_ns = 20'000'000;
  std::int64_t calls_per_sample = 1;
  /// Not 0: exactly so many calls over all streams, whatever time they take.
  std::int64_t max_calls = 0;
  /// The most samples to send back.
  std::size_t keep = 64;
};
/// One slice. Times are per call [ns], over all streams.
struct Measured {
  static constexpr std::string_view type = "measured";
  std::int64_t calls = 0;
  std::int64_t samples = 0;
  /// From the common start to the end of the last stream.
  std::int64_t wall_ns = 0;
  /// Of the process.
  std::int64_t cpu_ns = 0;
  double min_ns = 0;
  double median_ns = 0;
  double mean_ns = 0;
  double max_ns = 0;
  /// Evenly thinned, in the order taken, stream after stream.
  std::vector<double> kept_ns;
  std::int64_t voluntary_switches = 0;
  std::int64_t involuntary_switches = 0;
  std::int64_t page_faults = 0;
  /// The most that the process had.
  std::int64_t threads = 0;
  /// Denormal numbers among the outputs of the last call of every stream.
  std::int64_t denormals = 0;
};

struct Calibrate {
  static constexpr std::string_view type = "calibrate";
  std::int64_t minimum_sample_ns = 2500;
};
struct Calibrated {
  static constexpr std::string_view type = "calibrated";
  std::int64_t calls_per_sample = 1;
  double call_ns = 0;
};

struct Shutdown {
  static constexpr std::string_view type = "shutdown";
};
struct Bye {
  static constexpr std::string_view type = "bye";
};

/// Any request can be answered with this.
struct Failure {
  static constexpr std::string_view type = "error";
  /// "not_supported", "not_available", "out_of_memory", "failed", "bad_request".
  std::string kind;
  std::string reason;
};

/// The fields of a message, `type` first, without an `id`.
Json to_json(const Ready& message);
Json to_json(const Unavailable& message);
Json to_json(const Prepare& message);
Json to_json(const Prepared& message);
Json to_json(const Load& message);
Json to_json(const Loaded& message);
Json to_json(const Bind& message);
Json to_json(const Bound& message);
Json to_json(const Infer& message);
Json to_json(const Inferred& message);
Json to_json(const Measure& message);
Json to_json(const Measured& message);
Json to_json(const Calibrate& message);
Json to_json(const Calibrated& message);
Json to_json(const Shutdown& message);
Json to_json(const Bye& message);
Json to_json(const Failure& message);

/// Parts of messages that other files use as well.
Json to_json(const engine::Configuration& configuration);
Json to_json(const TensorSpec& spec);
Json to_json(const TensorFile& tensor);
Json to_json(const engine::OptionSpec& option);

/// The inverse, for every struct above: `from_json<Measured>(json)`. Fields that it does not know
/// are ignored. Throws Error naming the field that is missing or has the wrong type or value.
template <class Message>
Message from_json(const Json& json);
template <>
Ready from_json(const Json& json);
template <>
Unavailable from_json(const Json& json);
template <>
Prepare from_json(const Json& json);
template <>
Prepared from_json(const Json& json);
template <>
Load from_json(const Json& json);
template <>
Loaded from_json(const Json& json);
template <>
Bind from_json(const Json& json);
template <>
Bound from_json(const Json& json);
template <>
Infer from_json(const Json& json);
template <>
Inferred from_json(const Json& json);
template <>
Measure from_json(const Json& json);
template <>
Measured from_json(const Json& json);
template <>
Calibrate from_json(const Json& json);
template <>
Calibrated from_json(const Json& json);
template <>
Shutdown from_json(const Json& json);
template <>
Bye from_json(const Json& json);
template <>
Failure from_json(const Json& json);
template <>
engine::Configuration from_json(const Json& json);
template <>
TensorSpec from_json(const Json& json);
template <>
TensorFile from_json(const Json& json);
template <>
engine::OptionSpec from_json(const Json& json);

/// One message as the line that travels: one line feed, at its end; bytes that are not UTF-8 are
/// replaced.
std::string to_line(const Json& message);

}  // namespace moliere::worker::protocol
