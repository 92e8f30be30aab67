// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/result.hpp"
#include "moliere/core/random.hpp"

#include <algorithm>
#include <string>
#include <vector>

/// Results with a known answer: `processes` starts of `rounds` slices around a time per call.
namespace moliere::report {

inline bench::Row made_row(const std::string& label, double call_ns, double scatter = 0.001,
                           int processes = 5, int rounds = 6) {
  bench::Row row;
  row.engine.label = label;
  row.engine.name = label.substr(0, label.find(':'));
  row.version = "1.0";
  row.verification.check = bench::Check::verified;
  RandomStream random(seed_from(label));
  for (int process = 0; process < processes; ++process) {
    bench::ProcessRecord record;
    for (int round = 0; round < rounds; ++round) {
      const double time_ns = call_ns * (1 + scatter * random.normal());
      worker::protocol::Measured slice;
      slice.calls = 100;
      slice.samples = 100;
      slice.cpu_ns = static_cast<std::int64_t>(100 * time_ns);
      slice.min_ns = time_ns;
      slice.median_ns = time_ns;
      slice.mean_ns = time_ns;
      slice.max_ns = time_ns;
      slice.kept_ns.assign(4, time_ns);
      record.slices.push_back(slice);
    }
    row.processes.push_back(record);
  }
  return row;
}

inline bench::ComparisonResult made_comparison(std::vector<bench::Row> rows) {
  bench::ComparisonResult comparison;
  comparison.description.model = "Linear_16";
  comparison.description.hash = "abc";
  comparison.description.batch = 16;
  comparison.description.flops = 831'000;
  comparison.rows = std::move(rows);
  comparison.stopped_by = "precise";
  comparison.calibration_ns.assign(8, 1000);
  bench::derive_statistics(comparison, comparison.rows.front().engine.label);
  return comparison;
}

inline bench::RunResult made_run(std::vector<bench::Row> rows) {
  bench::RunResult run;
  run.machine.cpu_model = "A processor";
  run.comparisons.push_back(made_comparison(std::move(rows)));
  return run;
}

}  // namespace moliere::report
