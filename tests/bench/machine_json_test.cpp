// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/machine_json.hpp"

#include <gtest/gtest.h>

namespace moliere::bench {
namespace {

/// Through text, as a file does.
Json reread(const Json& json) { return Json::parse(json.dump()); }

Machine full_machine() {
  return {.cpu_model = "model",
          .cpu_signature = "vendor 1/2/3",
          .microcode = "0x1",
          .logical_cores = 8,
          .physical_cores = 4,
          .numa_nodes = 2,
          .usable_cores = 3,
          .cpu_quota = 3.5,
          .instruction_sets = {"avx2", "fma"},
          .caches = {{1, "Data", 32768, 2}, {3, "Unified", 1 << 25, 8}},
          .memory_bytes = 1'000'000'000'000,
          .usable_memory_bytes = 999,
          .kernel = "6.1",
          .distribution = "Debian",
          .hypervisor = "KVM",
          .governor = "performance",
          .smt = true,
          .turbo = false,
          .nominal_mhz = 2900.5,
          .maximum_mhz = 3900};
}

TEST(MachineJson, KeepsEveryField) {
  const Machine machine = full_machine();
  EXPECT_EQ(machine_from_json(reread(to_json(machine))), machine);
  EXPECT_EQ(machine_from_json(reread(to_json(Machine{}))), Machine{});
  EXPECT_EQ(to_json(machine).at("id"), machine_id(machine));
  EXPECT_TRUE(to_json(Machine{}).at("turbo").is_null()) << "not known is not false";
}

TEST(MachineJson, MissingAndMistypedFieldsThrow) {
  Json json = to_json(full_machine());
  json.erase("governor");
  EXPECT_THROW(machine_from_json(json), Json::exception);
  json = to_json(full_machine());
  json["logical_cores"] = "eight";
  EXPECT_THROW(machine_from_json(json), Json::exception);
  EXPECT_THROW(machine_from_json(Json::array()), Json::exception);
  EXPECT_THROW(roofline_from_json(Json::object()), Json::exception);
  EXPECT_THROW(telemetry_from_json(Json::object()), Json::exception);
  EXPECT_THROW(telemetry_delta_from_json(Json()), Json::exception);
}

TEST(TelemetryJson, KeepsEveryField) {
  const Telemetry telemetry{.at_s = 1,
                            .user_s = 2,
                            .system_s = 3,
                            .idle_s = 4,
                            .steal_s = 5,
                            .context_switches = 6,
                            .pages_swapped = 7,
                            .thermal_throttles = 8,
                            .quota_throttled_s = 9.5,
                            .load1 = 10.5,
                            .mhz = 11};
  EXPECT_EQ(telemetry_from_json(reread(to_json(telemetry))), telemetry);
  EXPECT_EQ(telemetry_from_json(reread(to_json(Telemetry{}))), Telemetry{});

  const TelemetryDelta delta{.seconds = 1,
                             .busy_s = 2,
                             .busy_share = 0.25,
                             .steal_s = 3,
                             .steal_share = 0.5,
                             .system_share = 0.125,
                             .context_switches_per_s = 4,
                             .pages_swapped = 5,
                             .thermal_throttles = 6,
                             .quota_throttled_s = 7.5,
                             .load1 = 8.5,
                             .mhz_before = 9,
                             .mhz_after = 10};
  EXPECT_EQ(telemetry_delta_from_json(reread(to_json(delta))), delta);
  EXPECT_EQ(telemetry_delta_from_json(reread(to_json(TelemetryDelta{}))), TelemetryDelta{});
}

TEST(RooflineJson, KeepsEveryField) {
  const Roofline roofline{.threads = 4,
                          .flops_f32_per_s = 1.5e11,
                          .instruction_set = "avx2+fma",
                          .bandwidths = {{"L1", 100, 4.25e11, 50}, {"DRAM", 10000, 1e10, 5000}}};
  EXPECT_EQ(roofline_from_json(reread(to_json(roofline))), roofline);
}

TEST(FindingJson, IsReadable) {
  const Json json = to_json(Finding{Finding::Severity::warning, "load", "a", "b", "c"});
  EXPECT_EQ(json.dump(),
            R"({"topic":"load","severity":"warning","what":"a","why":"b","what_to_do":"c"})");
}

}  // namespace
}  // namespace moliere::bench
