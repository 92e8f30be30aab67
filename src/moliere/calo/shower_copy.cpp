// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/shower_copy.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::calo {
namespace {

const char* const history = "history";

/// One end of "a:b"; `absent` where the text is empty.
std::optional<std::int64_t> parse_row(std::string_view text, std::int64_t absent,
                                      std::int64_t size) {
  if (text.empty()) return absent;
  std::int64_t row = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), row);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return row < 0 ? row + size : row;
}

/// A production has a thousand parts: their notes are not all kept.
std::string join(const std::vector<std::string>& values) {
  constexpr std::size_t most = 4;
  if (values.size() <= most) return fmt::format("{}", fmt::join(values, " | "));
  return fmt::format("{} | ... | {} ({} different ones)", values.front(), values.back(),
                     values.size());
}

/// Notes that tell on what a file was made: they may differ between parts of one production.
bool names_a_version(std::string_view name) {
  constexpr std::array<std::string_view, 5> words{"version", "commit", "librar", "processor",
                                                  "moliere"};
  return std::ranges::any_of(
      words, [&](std::string_view word) { return name.find(word) != std::string_view::npos; });
}

bool is_faulty(const ShowerBatch& batch, std::int64_t row) {
  const float incident = batch.incident_energies[static_cast<std::size_t>(row)];
  constexpr float largest = std::numeric_limits<float>::max();
  bool sound = incident > 0 && incident <= largest;
  for (const float energy : batch.shower(row)) sound &= energy >= 0 && energy <= largest;
  return !sound;
}

}  // namespace

RowRange parse_rows(std::string_view text, std::int64_t size) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    throw Error(fmt::format("\"{}\" are no rows", text), "a colon is missing",
                "write first:end, such as 0:1000");
  }
  const auto first = parse_row(text.substr(0, colon), 0, size);
  const auto end = parse_row(text.substr(colon + 1), size, size);
  if (!first || !end) {
    throw Error(fmt::format("\"{}\" are no rows", text), "beside the colon stand integers",
                "write first:end, such as 0:1000");
  }
  if (*first < 0 || *end > size || *first >= *end) {
    throw Error(fmt::format("there are no rows {}", text), fmt::format("the file has {}", size),
                "choose rows first:end with 0 <= first < end");
  }
  return {*first, *end};
}

std::vector<RowRange> split_rows(std::int64_t size, std::int64_t parts) {
  if (parts < 1 || parts > size) {
    throw Error(fmt::format("cannot make {} parts of {} showers", parts, size),
                "each part has at least one", "choose another number of parts");
  }
  std::vector<RowRange> ranges;
  std::int64_t first = 0;
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t rows = size / parts + (part < size % parts ? 1 : 0);
    ranges.push_back({first, first + rows});
    first += rows;
  }
  return ranges;
}

std::int64_t copy_showers(const ShowerReader& reader, RowRange rows, double threshold,
                          ShowerWriter& writer, Progress& progress) {
  const std::int64_t step = reader.chunk_rows();
  const auto cut = static_cast<float>(threshold);
  const std::string what = fmt::format("copying {}", reader.file().filename().string());
  ShowerBatch batch;
  std::int64_t faulty = 0;
  for (std::int64_t row = rows.first; row < rows.end;) {
    progress.update(static_cast<double>(row - rows.first),
                    static_cast<double>(rows.end - rows.first), what);
    const std::int64_t next = std::min((row / step + 1) * step, rows.end);  // whole pieces
    reader.read(row, next - row, batch);
    if (cut > 0) {
      for (float& energy : batch.energies) energy = energy < cut ? 0.0F : energy;
    }
    for (std::int64_t i = 0; i < batch.size(); ++i) faulty += is_faulty(batch, i) ? 1 : 0;
    writer.append(batch);
    row = next;
  }
  progress.update(1, 1, what);
  return faulty;
}

MergedAttributes merge_attributes(std::span<const Attributes> files) {
  std::set<std::string> names;
  for (const Attributes& file : files) {
    for (const auto& [name, value] : file) names.insert(name);
  }
  MergedAttributes merged;
  for (const std::string& name : names) {
    std::vector<std::string> values;
    bool missing = false;
    for (const Attributes& file : files) {
      const auto found = file.find(name);
      if (found == file.end()) {
        missing = true;
      } else if (std::ranges::find(values, found->second) == values.end()) {
        values.push_back(found->second);
      }
    }
    merged.attributes[name] = join(values);
    if ((values.size() == 1 && !missing) || name == history) continue;
    if (missing) values.emplace_back("(none)");
    (names_a_version(name) ? merged.warnings : merged.conflicts)
        .push_back(fmt::format("{}: {}", name, fmt::join(values, ", ")));
  }
  return merged;
}

void add_history(Attributes& attributes, std::string_view sentence) {
  std::string& text = attributes[history];
  if (!text.empty()) text += "; ";
  text += sentence;
}

}  // namespace moliere::calo
