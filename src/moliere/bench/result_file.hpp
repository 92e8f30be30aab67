// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/result.hpp"
#include "moliere/core/json.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moliere::bench {

/// Version of docs/formats/result.md.
constexpr int result_format = 1;

Json to_json(const ComparisonResult& result);
/// Throws Error naming the field that is missing or has the wrong type.
ComparisonResult comparison_from_json(const Json& json);

Json to_json(const RunResult& result);
RunResult run_from_json(const Json& json);

/// Reads a result file. Throws Error for another format, a damaged file, no JSON.
RunResult read_result(const std::filesystem::path& file);
/// Writes it atomically.
void write_result(const std::filesystem::path& file, const RunResult& result);

/// FILE.journal beside the result FILE: one line a finished comparison, synced to disk, so that a
/// run that was killed goes on with --resume. A line that was cut off by the kill is left out.
class Journal {
 public:
  /// `fingerprint` names the plan: a journal of another plan is an Error when resuming.
  Journal(std::filesystem::path file, std::string fingerprint, bool resume);
  /// The comparison of this key, when an earlier run finished it.
  std::optional<ComparisonResult> find(std::string_view key) const;
  void append(std::string_view key, const ComparisonResult& result);
  /// After the result file is in place.
  void remove();

 private:
  std::filesystem::path file_;
  std::vector<std::pair<std::string, ComparisonResult>> finished_;
};

}  // namespace moliere::bench
