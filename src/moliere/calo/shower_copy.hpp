// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/progress.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Copies of showers between files: cut, put together, above a threshold.
namespace moliere::calo {

/// Rows [first, end).
struct RowRange {
  std::int64_t first = 0;
  std::int64_t end = 0;
  bool operator==(const RowRange&) const = default;
};

/// "100:200", ":200", "100:", negative numbers from the end as in Python; within `size` rows.
/// Throws Error for another text or rows that the file does not have.
RowRange parse_rows(std::string_view text, std::int64_t size);
/// `parts` ranges whose lengths differ by one at most, the longer ones first. Throws Error unless
/// there is a row for each.
std::vector<RowRange> split_rows(std::int64_t size, std::int64_t parts);

/// Appends rows to `writer`, in pieces; voxels strictly below `threshold` [MeV] become 0 (compared
/// in float32, as everywhere; 0: none). Returns the number of showers that then hold a voxel that
/// is negative or no finite number, or an incident energy that is no finite number above 0.
std::int64_t copy_showers(const ShowerReader& reader, RowRange rows, double threshold,
                          ShowerWriter& writer, Progress& progress);

/// The notes of files that are put together.
struct MergedAttributes {
  /// Different values of one note with " | " between them; of more than four the first and last.
  Attributes attributes;
  std::vector<std::string> conflicts;  ///< what should be equal and is not: "geometry: ds2, ds3"
  std::vector<std::string> warnings;   ///< other versions or processors: "torch_version: 1, 2"
};
/// Notes are equal, or about versions, commits, libraries or processors (a warning), or "history"
/// (joined silently); all else is a conflict, as is a note that only some files have.
MergedAttributes merge_attributes(std::span<const Attributes> files);

/// Adds a sentence to the note "history": how this file came from another.
void add_history(Attributes& attributes, std::string_view sentence);

}  // namespace moliere::calo
