// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/result.hpp"

#include <string>
#include <vector>

/// In: two RunResult that were not measured together -> Out: what changed, and how sure.
namespace moliere::report {

struct Change {
  std::string model;
  std::string engine;
  std::string setting;  // "batch 1, 1 thread, 1 stream, cpu"
  /// time(new) / time(old), widened by the drift of the calibration kernel.
  stats::Ratio ratio;
  stats::Verdict verdict = stats::Verdict::undecided;
  /// Relative change of the calibration kernel between the two.
  double drift = 0;
  /// Why the two cannot be compared or what else is different (outputs that are wrong now); ""
  /// where ratio and verdict mean something.
  std::string problem;
};

struct ResultComparison {
  std::vector<Change> changes;
  /// What makes the files as a whole not comparable: another processor, other versions.
  std::vector<std::string> obstacles;
};

/// Rows are matched by model, content hash, batch, threads, streams, device and engine label.
ResultComparison compare_results(const bench::RunResult& before, const bench::RunResult& after);

/// A table of at most 100 columns; obstacles first.
std::string changes_table(const ResultComparison& comparison);

}  // namespace moliere::report
