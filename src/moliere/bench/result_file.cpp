// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/result_file.hpp"

#include "moliere/bench/machine_json.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

namespace moliere::bench {
namespace fs = std::filesystem;
namespace protocol = worker::protocol;
namespace {

/// JSON has no infinity: an unbounded side of an interval is null.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }
double number(const Json& json, double when_null) {
  return json.is_null() ? when_null : json.get<double>();
}

Json to_json(const stats::Interval& interval) {
  return {{"level", interval.level},
          {"lower", number(interval.lower)},
          {"upper", number(interval.upper)}};
}

Json to_json(const RowStatistics& statistics) {
  const stats::Summary& samples = statistics.samples;
  Json json = {{"call_ns", statistics.call_ns.value},
               {"call_ns_interval", to_json(statistics.call_ns.interval)},
               {"minimum_ns", statistics.minimum_ns},
               {"median_ns", samples.median},
               {"mean_ns", statistics.mean_ns},
               {"standard_deviation_ns", samples.standard_deviation},
               {"p90_ns", samples.p90 ? Json(*samples.p90) : Json()},
               {"p99_ns", samples.p99 ? Json(*samples.p99) : Json()},
               {"kept_samples", samples.count},
               {"cpu_ns", statistics.cpu_ns},
               {"calls", statistics.calls},
               {"time_per_event_ms", statistics.time_per_event_ms},
               {"events_per_s", statistics.events_per_s}};
  json["fraction_of_limit"] =
      statistics.fraction_of_limit ? Json(*statistics.fraction_of_limit) : Json();
  return json;
}

Json to_json(const Verification& verification) {
  return {{"check", to_string(verification.check)},    {"error", number(verification.error)},
          {"threshold", verification.threshold},       {"inputs", verification.inputs},
          {"worst_output", verification.worst_output}, {"reason", verification.reason}};
}

Verification verification_from_json(const Json& json) {
  Verification result;
  result.check = check_from_string(json.at("check").get<std::string>()).value();
  result.error = number(json.at("error"), INFINITY);
  json.at("threshold").get_to(result.threshold);
  json.at("inputs").get_to(result.inputs);
  json.at("worst_output").get_to(result.worst_output);
  json.at("reason").get_to(result.reason);
  return result;
}

Json to_json(const ProcessRecord& process) {
  Json slices = Json::array();
  for (const protocol::Measured& slice : process.slices) {
    Json json = protocol::to_json(slice);
    json.erase("type");
    slices.push_back(std::move(json));
  }
  return {
      {"start_ns", process.start_ns},       {"library_ns", process.library_ns},
      {"prepare_ns", process.prepare_ns},   {"prepared_from_cache", process.prepared_from_cache},
      {"load_ns", process.load_ns},         {"bind_ns", process.bind_ns},
      {"first_ns", process.first_ns},       {"clock_ns", process.clock_ns},
      {"overhead_ns", process.overhead_ns}, {"calls_per_sample", process.calls_per_sample},
      {"slices", std::move(slices)}};
}

ProcessRecord process_from_json(const Json& json) {
  ProcessRecord process;
  json.at("start_ns").get_to(process.start_ns);
  json.at("library_ns").get_to(process.library_ns);
  json.at("prepare_ns").get_to(process.prepare_ns);
  json.at("prepared_from_cache").get_to(process.prepared_from_cache);
  json.at("load_ns").get_to(process.load_ns);
  json.at("bind_ns").get_to(process.bind_ns);
  json.at("first_ns").get_to(process.first_ns);
  json.at("clock_ns").get_to(process.clock_ns);
  json.at("overhead_ns").get_to(process.overhead_ns);
  json.at("calls_per_sample").get_to(process.calls_per_sample);
  for (const Json& slice : json.at("slices")) {
    process.slices.push_back(protocol::from_json<protocol::Measured>(slice));
  }
  return process;
}

Json to_json(const Row& row) {
  Json processes = Json::array();
  for (const ProcessRecord& process : row.processes) processes.push_back(to_json(process));
  return {{"engine", row.engine.name},
          {"label", row.engine.label},
          {"version", row.version},
          {"given_options", row.engine.options},
          {"options", row.options},
          {"route", row.route},
          {"notes", row.notes},
          {"outcome", to_string(row.outcome)},
          {"phase", row.phase},
          {"reason", row.reason},
          {"verification", to_json(row.verification)},
          {"statistics", row.statistics ? to_json(*row.statistics) : Json()},
          {"processes", std::move(processes)}};
}

Row row_from_json(const Json& json) {
  Row row;
  json.at("engine").get_to(row.engine.name);
  json.at("label").get_to(row.engine.label);
  json.at("version").get_to(row.version);
  row.engine.options = json.at("given_options").get<engine::Options>();
  row.options = json.at("options").get<engine::Options>();
  json.at("route").get_to(row.route);
  json.at("notes").get_to(row.notes);
  row.outcome = outcome_from_string(json.at("outcome").get<std::string>()).value();
  json.at("phase").get_to(row.phase);
  json.at("reason").get_to(row.reason);
  row.verification = verification_from_json(json.at("verification"));
  for (const Json& process : json.at("processes"))
    row.processes.push_back(process_from_json(process));
  return row;
}

Json to_json(const Pair& pair) {
  return {{"baseline", pair.baseline},
          {"candidate", pair.candidate},
          {"ratio", pair.ratio.value},
          {"interval95", to_json(pair.ratio.at95)},
          {"interval99", to_json(pair.ratio.at99)},
          {"interval999", to_json(pair.ratio.at999)},
          {"processes", pair.ratio.processes},
          {"rounds", pair.ratio.rounds},
          {"verdict", stats::to_string(pair.verdict)}};
}

Json to_json(const CaseDescription& description) {
  Json json = {{"model", description.model},
               {"hash", description.hash},
               {"batch", description.batch},
               {"threads", description.threads},
               {"streams", description.streams},
               {"device", description.device},
               {"parameters", description.parameters},
               {"macs", description.macs},
               {"flops", description.flops},
               {"compulsory_bytes", description.compulsory_bytes},
               {"minimum_memory_bytes", description.minimum_memory},
               {"cost_complete", description.cost_complete}};
  json["limit"] = description.limit
                      ? Json{{"seconds", description.limit->seconds},
                             {"bound_by_arithmetic", description.limit->bound_by_arithmetic},
                             {"level", description.limit->level}}
                      : Json();
  return json;
}

CaseDescription description_from_json(const Json& json) {
  CaseDescription description;
  json.at("model").get_to(description.model);
  json.at("hash").get_to(description.hash);
  json.at("batch").get_to(description.batch);
  json.at("threads").get_to(description.threads);
  json.at("streams").get_to(description.streams);
  json.at("device").get_to(description.device);
  json.at("parameters").get_to(description.parameters);
  json.at("macs").get_to(description.macs);
  json.at("flops").get_to(description.flops);
  json.at("compulsory_bytes").get_to(description.compulsory_bytes);
  json.at("minimum_memory_bytes").get_to(description.minimum_memory);
  json.at("cost_complete").get_to(description.cost_complete);
  if (const Json& limit = json.at("limit"); !limit.is_null()) {
    description.limit = Limit{.seconds = limit.at("seconds").get<double>(),
                              .bound_by_arithmetic = limit.at("bound_by_arithmetic").get<bool>(),
                              .level = limit.at("level").get<std::string>()};
  }
  return description;
}

/// Whether all of it was written; else errno tells why. A full disk first takes a part.
bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Runs `read`, which may find the fields of a file not to be there.
template <class Read>
auto checked(std::string_view what, Read&& read) {
  try {
    return read();
  } catch (const Json::exception& error) {
    throw Error(fmt::format("{} is damaged", what), error.what(), "run the benchmark again");
  } catch (const std::bad_optional_access&) {
    throw Error(fmt::format("{} is damaged", what), "a field holds a word that is not known",
                "run the benchmark again, or read the file with the version that wrote it");
  }
}

}  // namespace

Json to_json(const ComparisonResult& result) {
  Json rows = Json::array();
  for (const Row& row : result.rows) rows.push_back(to_json(row));
  Json pairs = Json::array();
  for (const Pair& pair : result.pairs) pairs.push_back(to_json(pair));
  Json json = {{"case", to_json(result.description)},
               {"stopped_by", result.stopped_by},
               {"seconds", result.seconds},
               {"input_sets", result.input_sets},
               {"rows", std::move(rows)},
               {"pairs", std::move(pairs)},
               {"calibration_ns", result.calibration_ns}};
  json["telemetry"] = result.telemetry ? to_json(*result.telemetry) : Json();
  return json;
}

ComparisonResult comparison_from_json(const Json& json) {
  return checked("a comparison in the file", [&] {
    ComparisonResult result;
    result.description = description_from_json(json.at("case"));
    json.at("stopped_by").get_to(result.stopped_by);
    json.at("seconds").get_to(result.seconds);
    json.at("input_sets").get_to(result.input_sets);
    json.at("calibration_ns").get_to(result.calibration_ns);
    for (const Json& row : json.at("rows")) result.rows.push_back(row_from_json(row));
    if (const Json& telemetry = json.at("telemetry"); !telemetry.is_null()) {
      result.telemetry = telemetry_delta_from_json(telemetry);
    }
    // Statistics are recomputed from the samples; the pairs tell which row was the baseline.
    const Json& pairs = json.at("pairs");
    derive_statistics(result, pairs.empty() ? "" : pairs[0].at("baseline").get<std::string>());
    return result;
  });
}

Json to_json(const RunResult& result) {
  Json rooflines = Json::array();
  for (const Roofline& roofline : result.rooflines) rooflines.push_back(to_json(roofline));
  Json comparisons = Json::array();
  for (const ComparisonResult& comparison : result.comparisons) {
    comparisons.push_back(to_json(comparison));
  }
  return {{"format", "moliere result"},        {"version", result_format},
          {"moliere", result.moliere_version}, {"commit", result.commit},
          {"command", result.command},         {"started", result.started},
          {"seconds", result.seconds},         {"interrupted", result.interrupted},
          {"baseline", result.baseline},       {"machine", to_json(result.machine)},
          {"rooflines", std::move(rooflines)}, {"comparisons", std::move(comparisons)}};
}

RunResult run_from_json(const Json& json) {
  const auto has = [&](const char* key, const Json& value) {
    return json.is_object() && json.contains(key) && json.at(key) == value;
  };
  if (!has("format", "moliere result")) {
    throw Error("this is not a result file", "it lacks \"format\": \"moliere result\"",
                "give a file that moliere bench -o wrote");
  }
  if (!has("version", result_format)) {
    throw Error(fmt::format("the result file has format version {}",
                            json.contains("version") ? json.at("version").dump() : "none"),
                fmt::format("this version reads {}", result_format),
                "run the benchmark again with this version");
  }
  return checked("the result file", [&] {
    RunResult result;
    json.at("moliere").get_to(result.moliere_version);
    json.at("commit").get_to(result.commit);
    json.at("command").get_to(result.command);
    json.at("started").get_to(result.started);
    json.at("seconds").get_to(result.seconds);
    json.at("interrupted").get_to(result.interrupted);
    json.at("baseline").get_to(result.baseline);
    result.machine = machine_from_json(json.at("machine"));
    for (const Json& roofline : json.at("rooflines")) {
      result.rooflines.push_back(roofline_from_json(roofline));
    }
    for (const Json& comparison : json.at("comparisons")) {
      result.comparisons.push_back(comparison_from_json(comparison));
    }
    return result;
  });
}

RunResult read_result(const fs::path& file) {
  const Json json = read_json(file);
  try {
    return run_from_json(json);
  } catch (const Error& error) {
    throw error.about(file.string());
  }
}

void write_result(const fs::path& file, const RunResult& result) {
  write_json(file, to_json(result));
}

Journal::Journal(fs::path file, std::string fingerprint, bool resume) : file_(std::move(file)) {
  if (resume && fs::exists(file_)) {
    std::istringstream lines(read_text(file_));
    std::string line;
    std::getline(lines, line);
    const Json head = Json::parse(line, nullptr, false);
    if (head.is_discarded() || head != Json{{"fingerprint", fingerprint}}) {
      throw Error(fmt::format("{} belongs to another run", file_.string()),
                  "models, engines or settings differ",
                  "repeat the command of that run, or leave --resume out to start anew");
    }
    while (std::getline(lines, line)) {
      const Json entry = Json::parse(line, nullptr, false);
      if (entry.is_discarded()) break;  // cut off by the kill
      checked(file_.string(), [&] {
        finished_.emplace_back(entry.at("key").get<std::string>(),
                               comparison_from_json(entry.at("result")));
      });
    }
  }
  // Written anew, without a line that was cut off.
  std::string text = Json{{"fingerprint", fingerprint}}.dump() + "\n";
  for (const auto& [key, result] : finished_) {
    text += Json{{"key", key}, {"result", to_json(result)}}.dump() + "\n";
  }
  write_atomically(file_, text);
}

std::optional<ComparisonResult> Journal::find(std::string_view key) const {
  for (const auto& [known, result] : finished_) {
    if (known == key) return result;
  }
  return std::nullopt;
}

void Journal::append(std::string_view key, const ComparisonResult& result) {
  const std::string line = Json{{"key", key}, {"result", to_json(result)}}.dump() + "\n";
  const int descriptor = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  const bool good = descriptor >= 0 && write_all(descriptor, line) && ::fsync(descriptor) == 0;
  const int code = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!good) {
    throw Error(fmt::format("cannot write {}", file_.string()), std::strerror(code),
                "check the free space and the permissions of its folder");
  }
}

void Journal::remove() {
  std::error_code ignored;
  fs::remove(file_, ignored);
}

}  // namespace moliere::bench
