// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace moliere::judge::classifier {

/// Showers of each sample that train, that select the model and calibrate, and that are reported.
struct SplitCounts {
  std::int64_t train = 0;
  std::int64_t test = 0;
  std::int64_t validation = 0;

  std::int64_t total() const { return train + test + validation; }
  bool operator==(const SplitCounts&) const = default;
};

/// The counts of the official evaluation for a built-in geometry; empty for another.
std::optional<SplitCounts> official_split(std::string_view geometry_name);

/// 0.6, 0.2 and the rest of `showers`.
SplitCounts fractional_split(std::int64_t showers);

/// A row of one of the samples that take part; its number is the label.
struct Entry {
  int sample = 0;
  std::int64_t row = 0;
};

struct Split {
  std::vector<Entry> train;
  std::vector<Entry> test;
  std::vector<Entry> validation;
};

/// Draws `counts` rows of each sample without replacement; depends on the arguments alone.
/// `rows`: showers of each sample. Throws Error when one has fewer than counts.total().
Split draw_split(const std::vector<std::int64_t>& rows, const SplitCounts& counts,
                 std::uint64_t seed);

}  // namespace moliere::judge::classifier
