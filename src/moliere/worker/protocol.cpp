// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/protocol.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/json.hpp"

#include <cmath>
#include <optional>

namespace moliere::worker::protocol {
namespace {

[[noreturn]] void reject(std::string_view problem, std::string_view why) {
  throw Error(problem, why, "see docs/formats/worker-protocol.md");
}

/// The field's JSON; throws Error when it is not there.
const Json& field(const Json& json, const char* key) {
  if (!json.is_object()) reject("a message is not an object", json.type_name());
  const auto found = json.find(key);
  if (found == json.end()) reject(fmt::format("field '{}' is missing", key), "it is required");
  return *found;
}

template <class T>
T value_of(const Json& json, const char* key) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) reject(fmt::format("field '{}' is no boolean", key), json.type_name());
  } else if constexpr (std::is_integral_v<T>) {
    // nlohmann converts 1.5 to 1 and -1 to 2^64-1 without a word.
    if (!json.is_number_integer()) {
      reject(fmt::format("field '{}' is no integer", key), json.type_name());
    }
    if (std::is_unsigned_v<T> && !json.is_number_unsigned()) {
      reject(fmt::format("field '{}' is negative", key), json.dump());
    }
  }
  try {
    return json.get<T>();
  } catch (const Json::exception& error) {
    reject(fmt::format("field '{}' has the wrong type", key), error.what());
  }
}

template <class T>
T get(const Json& json, const char* key) {
  return value_of<T>(field(json, key), key);
}

template <class T>
T get_or(const Json& json, const char* key, T fallback) {
  const auto found = json.find(key);
  return found == json.end() ? fallback : value_of<T>(*found, key);
}

std::filesystem::path get_path(const Json& json, const char* key) {
  return get<std::string>(json, key);
}

const Json& get_array(const Json& json, const char* key) {
  const Json& array = field(json, key);
  if (!array.is_array()) reject(fmt::format("field '{}' is no array", key), array.type_name());
  return array;
}

/// Every element of the array, read by `from_json<T>`.
template <class T>
std::vector<T> list_from(const Json& array) {
  if (!array.is_array()) reject("a list is no array", array.type_name());
  std::vector<T> list;
  list.reserve(array.size());
  for (const Json& element : array) list.push_back(from_json<T>(element));
  return list;
}

template <class T>
Json json_list(const std::vector<T>& list) {
  Json array = Json::array();
  for (const T& element : list) array.push_back(to_json(element));
  return array;
}

Json path_list(const std::vector<std::filesystem::path>& paths) {
  Json array = Json::array();
  for (const std::filesystem::path& path : paths) array.push_back(path.string());
  return array;
}

std::vector<std::filesystem::path> paths_from(const Json& json, const char* key) {
  const auto strings = get<std::vector<std::string>>(json, key);
  return {strings.begin(), strings.end()};
}

/// An empty map is {}, not null.
Json json_map(const std::map<std::string, std::string, std::less<>>& map) {
  Json json = Json::object();
  for (const auto& [key, value] : map) json[key] = value;
  return json;
}

template <class Map>
Map map_from(const Json& json, const char* key) {
  const Json& object = field(json, key);
  if (!object.is_object()) reject(fmt::format("field '{}' is no object", key), object.type_name());
  Map map;
  for (const auto& [name, value] : object.items()) {
    map[name] = value_of<std::string>(value, name.c_str());
  }
  return map;
}

template <class Message>
Json envelope() {
  return {{"type", Message::type}};
}

}  // namespace

Json to_json(const engine::Configuration& configuration) {
  return {{"options", json_map(configuration.options)},
          {"device", configuration.device},
          {"threads", configuration.threads},
          {"streams", configuration.streams},
          {"device_resident", configuration.device_resident}};
}

Json to_json(const TensorSpec& spec) {
  return {{"name", spec.name}, {"type", to_string(spec.type)}, {"shape", spec.shape}};
}

Json to_json(const TensorFile& tensor) {
  Json json = to_json(tensor.spec);
  json["file"] = tensor.file.string();
  return json;
}

Json to_json(const engine::OptionSpec& option) {
  return {{"key", option.key},
          {"default", option.default_value},
          {"description", option.description},
          {"choices", option.choices}};
}

Json to_json(const Ready& message) {
  Json json = envelope<Ready>();
  json["protocol"] = message.protocol;
  json["engine"] = message.engine.name;
  json["version"] = message.engine.version;
  json["components"] = Json::object();
  for (const auto& [name, value] : message.engine.components) json["components"][name] = value;
  json["devices"] = message.engine.devices;
  json["options"] = json_list(message.engine.options);
  json["pid"] = message.pid;
  json["started_ns"] = message.started_ns;
  json["ready_ns"] = message.ready_ns;
  json["clock_ns"] = message.clock_ns;
  json["overhead_ns"] = message.overhead_ns;
  return json;
}

Json to_json(const Unavailable& message) {
  Json json = envelope<Unavailable>();
  json["protocol"] = message.protocol;
  json["engine"] = message.engine;
  json["reason"] = message.reason;
  return json;
}

Json to_json(const Prepare& message) {
  Json json = envelope<Prepare>();
  json["model"] = message.model.string();
  json["cache"] = message.cache.string();
  json["configuration"] = to_json(message.configuration);
  return json;
}

Json to_json(const Prepared& message) {
  Json json = envelope<Prepared>();
  json["artifact"] = message.artifact.path.string();
  json["route"] = message.artifact.route;
  json["from_cache"] = message.artifact.from_cache;
  json["log"] = message.artifact.log.string();
  json["elapsed_ns"] = message.elapsed_ns;
  return json;
}

Json to_json(const Load& message) {
  Json json = envelope<Load>();
  json["artifact"] = message.artifact.string();
  json["configuration"] = to_json(message.configuration);
  json["inputs"] = json_list(message.inputs);
  json["outputs"] = message.outputs;
  return json;
}

Json to_json(const Loaded& message) {
  Json json = envelope<Loaded>();
  json["elapsed_ns"] = message.elapsed_ns;
  json["options"] = json_map(message.options);
  json["notes"] = message.notes;
  return json;
}

Json to_json(const Bind& message) {
  Json json = envelope<Bind>();
  json["slots"] = Json::array();
  for (const auto& slot : message.slots) json["slots"].push_back(json_list(slot));
  return json;
}

Json to_json(const Bound& message) {
  Json json = envelope<Bound>();
  json["elapsed_ns"] = message.elapsed_ns;
  return json;
}

Json to_json(const Infer& message) {
  Json json = envelope<Infer>();
  json["slot"] = message.slot;
  json["stream"] = message.stream;
  if (!message.files.empty()) json["files"] = path_list(message.files);
  return json;
}

Json to_json(const Inferred& message) {
  Json json = envelope<Inferred>();
  json["elapsed_ns"] = message.elapsed_ns;
  if (!message.outputs.empty()) json["outputs"] = json_list(message.outputs);
  return json;
}

Json to_json(const Measure& message) {
  Json json = envelope<Measure>();
  json["duration_ns"] = message.duration_ns;
  json["calls_per_sample"] = message.calls_per_sample;
  json["max_calls"] = message.max_calls;
  json["keep"] = message.keep;
  return json;
}

Json to_json(const Measured& message) {
  Json json = envelope<Measured>();
  json["calls"] = message.calls;
  json["samples"] = message.samples;
  json["wall_ns"] = message.wall_ns;
  json["cpu_ns"] = message.cpu_ns;
  json["min_ns"] = message.min_ns;
  json["median_ns"] = message.median_ns;
  json["mean_ns"] = message.mean_ns;
  json["max_ns"] = message.max_ns;
  json["kept_ns"] = message.kept_ns;
  json["voluntary_switches"] = message.voluntary_switches;
  json["involuntary_switches"] = message.involuntary_switches;
  json["page_faults"] = message.page_faults;
  json["threads"] = message.threads;
  json["denormals"] = message.denormals;
  return json;
}

Json to_json(const Calibrate& message) {
  Json json = envelope<Calibrate>();
  json["minimum_sample_ns"] = message.minimum_sample_ns;
  return json;
}

Json to_json(const Calibrated& message) {
  Json json = envelope<Calibrated>();
  json["calls_per_sample"] = message.calls_per_sample;
  json["call_ns"] = message.call_ns;
  return json;
}

Json to_json(const Shutdown&) { return envelope<Shutdown>(); }
Json to_json(const Bye&) { return envelope<Bye>(); }

Json to_json(const Failure& message) {
  Json json = envelope<Failure>();
  json["kind"] = message.kind;
  json["reason"] = message.reason;
  return json;
}

template <>
engine::Configuration from_json(const Json& json) {
  engine::Configuration configuration;
  configuration.options = map_from<engine::Options>(json, "options");
  configuration.device = get_or<std::string>(json, "device", "cpu");
  configuration.threads = get_or(json, "threads", 1);
  configuration.streams = get_or(json, "streams", 1);
  configuration.device_resident = get_or(json, "device_resident", false);
  if (configuration.threads < 1) reject("field 'threads' is below 1", "a call needs a thread");
  if (configuration.streams < 1) reject("field 'streams' is below 1", "nothing would be called");
  return configuration;
}

template <>
TensorSpec from_json(const Json& json) {
  TensorSpec spec;
  spec.name = get<std::string>(json, "name");
  const auto type_name = get<std::string>(json, "type");
  const std::optional<DataType> type = data_type_from_string(type_name);
  if (!type) reject(fmt::format("'{}' is no element type", type_name), "tensor " + spec.name);
  spec.type = *type;
  for (const Json& extent : get_array(json, "shape")) {
    spec.shape.push_back(value_of<std::int64_t>(extent, "shape"));
  }
  element_count(spec.shape);  // throws for negative and absurd extents
  return spec;
}

template <>
TensorFile from_json(const Json& json) {
  return {from_json<TensorSpec>(json), get_path(json, "file")};
}

template <>
engine::OptionSpec from_json(const Json& json) {
  return {.key = get<std::string>(json, "key"),
          .default_value = get<std::string>(json, "default"),
          .description = get_or<std::string>(json, "description", ""),
          .choices = get_or<std::vector<std::string>>(json, "choices", {})};
}

template <>
Ready from_json(const Json& json) {
  Ready message;
  message.protocol = get<int>(json, "protocol");
  message.engine.name = get<std::string>(json, "engine");
  message.engine.version = get<std::string>(json, "version");
  if (json.contains("components")) {
    message.engine.components = map_from<std::map<std::string, std::string>>(json, "components");
  }
  message.engine.devices = get_or<std::vector<std::string>>(json, "devices", {"cpu"});
  if (json.contains("options")) {
    message.engine.options = list_from<engine::OptionSpec>(json["options"]);
  }
  message.pid = get_or<std::int64_t>(json, "pid", 0);
  message.started_ns = get<std::int64_t>(json, "started_ns");
  message.ready_ns = get<std::int64_t>(json, "ready_ns");
  message.clock_ns = get_or(json, "clock_ns", 0.0);
  message.overhead_ns = get_or(json, "overhead_ns", 0.0);
  return message;
}

template <>
Unavailable from_json(const Json& json) {
  return {.protocol = get<int>(json, "protocol"),
          .engine = get_or<std::string>(json, "engine", ""),
          .reason = get<std::string>(json, "reason")};
}

template <>
Prepare from_json(const Json& json) {
  return {.model = get_path(json, "model"),
          .cache = get_path(json, "cache"),
          .configuration = from_json<engine::Configuration>(field(json, "configuration"))};
}

template <>
Prepared from_json(const Json& json) {
  // Not one nested initialiser: g++ 12 destroys its parts twice when a later part throws.
  Prepared message;
  message.artifact.path = get_path(json, "artifact");
  message.artifact.route = get_or<std::string>(json, "route", "read directly");
  message.artifact.from_cache = get_or(json, "from_cache", false);
  message.artifact.log = get_or<std::string>(json, "log", "");
  message.elapsed_ns = get<std::int64_t>(json, "elapsed_ns");
  return message;
}

template <>
Load from_json(const Json& json) {
  return {.artifact = get_path(json, "artifact"),
          .configuration = from_json<engine::Configuration>(field(json, "configuration")),
          .inputs = list_from<TensorSpec>(get_array(json, "inputs")),
          .outputs = get<std::vector<std::string>>(json, "outputs")};
}

template <>
Loaded from_json(const Json& json) {
  return {.elapsed_ns = get<std::int64_t>(json, "elapsed_ns"),
          .options = json.contains("options") ? map_from<engine::Options>(json, "options")
                                              : engine::Options{},
          .notes = get_or<std::vector<std::string>>(json, "notes", {})};
}

template <>
Bind from_json(const Json& json) {
  Bind message;
  for (const Json& slot : get_array(json, "slots")) {
    message.slots.push_back(list_from<TensorFile>(slot));
  }
  if (message.slots.empty()) reject("field 'slots' is empty", "there would be nothing to call");
  return message;
}

template <>
Bound from_json(const Json& json) {
  return {.elapsed_ns = get<std::int64_t>(json, "elapsed_ns")};
}

template <>
Infer from_json(const Json& json) {
  return {.slot = get<std::size_t>(json, "slot"),
          .stream = get_or<std::size_t>(json, "stream", 0),
          .files = json.contains("files") ? paths_from(json, "files")
                                          : std::vector<std::filesystem::path>{}};
}

template <>
Inferred from_json(const Json& json) {
  return {.elapsed_ns = get<std::int64_t>(json, "elapsed_ns"),
          .outputs = json.contains("outputs") ? list_from<TensorFile>(get_array(json, "outputs"))
                                              : std::vector<TensorFile>{}};
}

template <>
Measure from_json(const Json& json) {
  const Measure defaults;
  Measure message{.duration_ns = get<std::int64_t>(json, "duration_ns"),
                  .calls_per_sample = get_or(json, "calls_per_sample", defaults.calls_per_sample),
                  .max_calls = get_or(json, "max_calls", defaults.max_calls),
                  .keep = get_or(json, "keep", defaults.keep)};
  if (message.calls_per_sample < 1) reject("field 'calls_per_sample' is below 1", "no sample");
  if (message.max_calls < 0) reject("field 'max_calls' is negative", "0 means no limit");
  return message;
}

template <>
Measured from_json(const Json& json) {
  Measured message;
  message.calls = get<std::int64_t>(json, "calls");
  message.samples = get<std::int64_t>(json, "samples");
  message.wall_ns = get<std::int64_t>(json, "wall_ns");
  message.cpu_ns = get<std::int64_t>(json, "cpu_ns");
  message.min_ns = get<double>(json, "min_ns");
  message.median_ns = get<double>(json, "median_ns");
  message.mean_ns = get<double>(json, "mean_ns");
  message.max_ns = get<double>(json, "max_ns");
  message.kept_ns = get_or<std::vector<double>>(json, "kept_ns", {});
  message.voluntary_switches = get_or<std::int64_t>(json, "voluntary_switches", 0);
  message.involuntary_switches = get_or<std::int64_t>(json, "involuntary_switches", 0);
  message.page_faults = get_or<std::int64_t>(json, "page_faults", 0);
  message.threads = get_or<std::int64_t>(json, "threads", 0);
  message.denormals = get_or<std::int64_t>(json, "denormals", 0);
  if (message.calls < 1 || message.samples < 1) reject("a slice without calls", "no figure");
  for (const double time_ns : {message.median_ns, message.mean_ns}) {
    if (!(time_ns > 0) || !std::isfinite(time_ns)) {
      reject(fmt::format("a time of {} ns per call", time_ns), "every call takes time");
    }
  }
  return message;
}

template <>
Calibrate from_json(const Json& json) {
  return {.minimum_sample_ns = get<std::int64_t>(json, "minimum_sample_ns")};
}

template <>
Calibrated from_json(const Json& json) {
  Calibrated message{.calls_per_sample = get<std::int64_t>(json, "calls_per_sample"),
                     .call_ns = get<double>(json, "call_ns")};
  if (message.calls_per_sample < 1) reject("field 'calls_per_sample' is below 1", "no sample");
  return message;
}

template <>
Shutdown from_json(const Json&) {
  return {};
}

template <>
Bye from_json(const Json&) {
  return {};
}

template <>
Failure from_json(const Json& json) {
  return {.kind = get<std::string>(json, "kind"),
          .reason = get_or<std::string>(json, "reason", "no reason given")};
}

std::string to_line(const Json& message) {
  return message.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace moliere::worker::protocol
