// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/machine_json.hpp"

namespace moliere::bench {
namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

template <class T>
std::optional<T> optional_at(const Json& json, const char* key) {
  const Json& value = json.at(key);
  if (value.is_null()) return std::nullopt;
  return value.get<T>();
}

}  // namespace

Json to_json(const Machine& machine) {
  Json caches = Json::array();
  for (const CacheLevel& cache : machine.caches) {
    caches.push_back({{"level", cache.level},
                      {"type", cache.type},
                      {"bytes", cache.bytes},
                      {"shared_by", cache.shared_by}});
  }
  return {{"id", machine_id(machine)},
          {"cpu_model", machine.cpu_model},
          {"cpu_signature", machine.cpu_signature},
          {"microcode", machine.microcode},
          {"logical_cores", machine.logical_cores},
          {"physical_cores", machine.physical_cores},
          {"numa_nodes", machine.numa_nodes},
          {"usable_cores", machine.usable_cores},
          {"cpu_quota", or_null(machine.cpu_quota)},
          {"instruction_sets", machine.instruction_sets},
          {"caches", std::move(caches)},
          {"memory_bytes", machine.memory_bytes},
          {"usable_memory_bytes", machine.usable_memory_bytes},
          {"kernel", machine.kernel},
          {"distribution", machine.distribution},
          {"hypervisor", machine.hypervisor},
          {"governor", machine.governor},
          {"smt", machine.smt},
          {"turbo", or_null(machine.turbo)},
          {"nominal_mhz", or_null(machine.nominal_mhz)},
          {"maximum_mhz", or_null(machine.maximum_mhz)}};
}

Machine machine_from_json(const Json& json) {
  Machine machine;
  json.at("cpu_model").get_to(machine.cpu_model);
  json.at("cpu_signature").get_to(machine.cpu_signature);
  json.at("microcode").get_to(machine.microcode);
  json.at("logical_cores").get_to(machine.logical_cores);
  json.at("physical_cores").get_to(machine.physical_cores);
  json.at("numa_nodes").get_to(machine.numa_nodes);
  json.at("usable_cores").get_to(machine.usable_cores);
  machine.cpu_quota = optional_at<double>(json, "cpu_quota");
  json.at("instruction_sets").get_to(machine.instruction_sets);
  for (const Json& cache : json.at("caches")) {
    machine.caches.push_back({.level = cache.at("level").get<int>(),
                              .type = cache.at("type").get<std::string>(),
                              .bytes = cache.at("bytes").get<std::int64_t>(),
                              .shared_by = cache.at("shared_by").get<int>()});
  }
  json.at("memory_bytes").get_to(machine.memory_bytes);
  json.at("usable_memory_bytes").get_to(machine.usable_memory_bytes);
  json.at("kernel").get_to(machine.kernel);
  json.at("distribution").get_to(machine.distribution);
  json.at("hypervisor").get_to(machine.hypervisor);
  json.at("governor").get_to(machine.governor);
  json.at("smt").get_to(machine.smt);
  machine.turbo = optional_at<bool>(json, "turbo");
  machine.nominal_mhz = optional_at<double>(json, "nominal_mhz");
  machine.maximum_mhz = optional_at<double>(json, "maximum_mhz");
  return machine;
}

Json to_json(const Telemetry& telemetry) {
  return {{"at_s", telemetry.at_s},
          {"user_s", telemetry.user_s},
          {"system_s", telemetry.system_s},
          {"idle_s", telemetry.idle_s},
          {"steal_s", telemetry.steal_s},
          {"context_switches", telemetry.context_switches},
          {"pages_swapped", telemetry.pages_swapped},
          {"thermal_throttles", or_null(telemetry.thermal_throttles)},
          {"quota_throttled_s", or_null(telemetry.quota_throttled_s)},
          {"load1", telemetry.load1},
          {"mhz", or_null(telemetry.mhz)}};
}

Telemetry telemetry_from_json(const Json& json) {
  Telemetry telemetry;
  json.at("at_s").get_to(telemetry.at_s);
  json.at("user_s").get_to(telemetry.user_s);
  json.at("system_s").get_to(telemetry.system_s);
  json.at("idle_s").get_to(telemetry.idle_s);
  json.at("steal_s").get_to(telemetry.steal_s);
  json.at("context_switches").get_to(telemetry.context_switches);
  json.at("pages_swapped").get_to(telemetry.pages_swapped);
  telemetry.thermal_throttles = optional_at<std::int64_t>(json, "thermal_throttles");
  telemetry.quota_throttled_s = optional_at<double>(json, "quota_throttled_s");
  json.at("load1").get_to(telemetry.load1);
  telemetry.mhz = optional_at<double>(json, "mhz");
  return telemetry;
}

Json to_json(const TelemetryDelta& delta) {
  return {{"seconds", delta.seconds},
          {"busy_s", delta.busy_s},
          {"busy_share", delta.busy_share},
          {"steal_s", delta.steal_s},
          {"steal_share", delta.steal_share},
          {"system_share", delta.system_share},
          {"context_switches_per_s", delta.context_switches_per_s},
          {"pages_swapped", delta.pages_swapped},
          {"thermal_throttles", or_null(delta.thermal_throttles)},
          {"quota_throttled_s", or_null(delta.quota_throttled_s)},
          {"load1", delta.load1},
          {"mhz_before", or_null(delta.mhz_before)},
          {"mhz_after", or_null(delta.mhz_after)}};
}

TelemetryDelta telemetry_delta_from_json(const Json& json) {
  TelemetryDelta delta;
  json.at("seconds").get_to(delta.seconds);
  json.at("busy_s").get_to(delta.busy_s);
  json.at("busy_share").get_to(delta.busy_share);
  json.at("steal_s").get_to(delta.steal_s);
  json.at("steal_share").get_to(delta.steal_share);
  json.at("system_share").get_to(delta.system_share);
  json.at("context_switches_per_s").get_to(delta.context_switches_per_s);
  json.at("pages_swapped").get_to(delta.pages_swapped);
  delta.thermal_throttles = optional_at<std::int64_t>(json, "thermal_throttles");
  delta.quota_throttled_s = optional_at<double>(json, "quota_throttled_s");
  json.at("load1").get_to(delta.load1);
  delta.mhz_before = optional_at<double>(json, "mhz_before");
  delta.mhz_after = optional_at<double>(json, "mhz_after");
  return delta;
}

Json to_json(const Roofline& roofline) {
  Json bandwidths = Json::array();
  for (const Roofline::Bandwidth& bandwidth : roofline.bandwidths) {
    bandwidths.push_back({{"level", bandwidth.level},
                          {"bytes", bandwidth.bytes},
                          {"read_bytes_per_s", bandwidth.read_bytes_per_s},
                          {"measured_with_bytes", bandwidth.measured_with_bytes}});
  }
  return {{"threads", roofline.threads},
          {"flops_f32_per_s", roofline.flops_f32_per_s},
          {"instruction_set", roofline.instruction_set},
          {"bandwidths", std::move(bandwidths)}};
}

Roofline roofline_from_json(const Json& json) {
  Roofline roofline;
  json.at("threads").get_to(roofline.threads);
  json.at("flops_f32_per_s").get_to(roofline.flops_f32_per_s);
  json.at("instruction_set").get_to(roofline.instruction_set);
  for (const Json& bandwidth : json.at("bandwidths")) {
    roofline.bandwidths.push_back(
        {.level = bandwidth.at("level").get<std::string>(),
         .bytes = bandwidth.at("bytes").get<std::int64_t>(),
         .read_bytes_per_s = bandwidth.at("read_bytes_per_s").get<double>(),
         .measured_with_bytes = bandwidth.at("measured_with_bytes").get<std::int64_t>()});
  }
  return roofline;
}

Json to_json(const Finding& finding) {
  return {{"topic", finding.topic},
          {"severity", to_string(finding.severity)},
          {"what", finding.what},
          {"why", finding.why},
          {"what_to_do", finding.what_to_do}};
}

}  // namespace moliere::bench
