// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/machine.hpp"
#include "moliere/bench/outcome.hpp"
#include "moliere/bench/plan.hpp"
#include "moliere/bench/roofline.hpp"
#include "moliere/bench/telemetry.hpp"
#include "moliere/bench/verification.hpp"
#include "moliere/onnx/cost.hpp"
#include "moliere/stats/hierarchy.hpp"
#include "moliere/stats/quantile.hpp"
#include "moliere/stats/ratio.hpp"
#include "moliere/worker/protocol.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What a benchmark found: input, system, results, failures. docs/formats/result.md describes the
/// file that it becomes.
namespace moliere::bench {

/// One start of one worker. Times in ns.
struct ProcessRecord {
  std::int64_t start_ns = 0;    // fork to `ready`
  std::int64_t library_ns = 0;  // of it: loading the vendor's library
  std::int64_t prepare_ns = 0;
  bool prepared_from_cache = false;
  std::int64_t load_ns = 0;
  std::int64_t bind_ns = 0;
  std::int64_t first_ns = 0;  // the first inference
  double clock_ns = 0;        // one reading of the clock
  double overhead_ns = 0;     // what the timing loop adds to a call
  std::int64_t calls_per_sample = 0;
  /// Round after round.
  std::vector<worker::protocol::Measured> slices;
};

/// Figures derived from the samples of a row; all times are per call.
struct RowStatistics {
  /// Typical time of a call with its 95 % interval [ns].
  stats::Estimate call_ns;
  /// Of the kept samples, pooled [ns].
  stats::Summary samples;
  double minimum_ns = 0;
  double mean_ns = 0;
  double cpu_ns = 0;
  std::int64_t calls = 0;
  /// call_ns / batch / streams [ms].
  double time_per_event_ms = 0;
  double events_per_s = 0;
  /// roofline limit / call_ns; nothing when the model's cost is not known.
  std::optional<double> fraction_of_limit;
};

/// One engine in one comparison.
struct Row {
  EngineChoice engine;
  std::string version;
  /// Every option with the value in use.
  engine::Options options;
  std::string route;
  std::vector<std::string> notes;
  Outcome outcome = Outcome::measured;
  std::string phase;   // of a failure
  std::string reason;  // of a failure
  Verification verification;
  std::vector<ProcessRecord> processes;
  /// Nothing without samples.
  std::optional<RowStatistics> statistics;

  /// values[process][round]: the median time of a call in each slice [ns].
  stats::Hierarchy medians() const;
};

/// A row against the baseline's.
struct Pair {
  std::string baseline;
  std::string candidate;
  stats::Ratio ratio;
  stats::Verdict verdict = stats::Verdict::undecided;
};

/// What was compared: one model at one batch, threads, streams, device.
struct CaseDescription {
  std::string model;
  std::string hash;
  std::int64_t batch = 1;
  int threads = 1;
  int streams = 1;
  std::string device = "cpu";
  std::int64_t parameters = 0;
  std::int64_t macs = 0;
  std::int64_t flops = 0;
  std::int64_t compulsory_bytes = 0;
  std::int64_t minimum_memory = 0;
  bool cost_complete = true;
  /// The machine's limit for one call of each stream.
  std::optional<Limit> limit;
};

/// Rows that were measured interleaved in one run.
struct ComparisonResult {
  CaseDescription description;
  std::vector<Row> rows;
  std::vector<Pair> pairs;
  /// "precise", "time cap", "interrupted", or why nothing was run.
  std::string stopped_by;
  double seconds = 0;
  std::size_t input_sets = 0;
  /// Of the calibration kernel, round after round [ns].
  std::vector<double> calibration_ns;
  std::optional<TelemetryDelta> telemetry;
};

struct RunResult {
  std::string moliere_version;
  std::string commit;
  std::vector<std::string> command;
  std::string started;  // ISO 8601, UTC
  double seconds = 0;
  bool interrupted = false;
  std::string baseline;
  Machine machine;
  std::vector<Roofline> rooflines;
  std::vector<ComparisonResult> comparisons;
};

/// Recomputes every figure of the rows and pairs from the samples.
/// `limits`: to be set in the description before.
void derive_statistics(ComparisonResult& result, const std::string& baseline);

}  // namespace moliere::bench
