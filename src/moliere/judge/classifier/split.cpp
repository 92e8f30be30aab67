// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/classifier/split.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/random.hpp"
#include "moliere/judge/classifier/detail/shuffle.hpp"

#include <numeric>

namespace moliere::judge::classifier {
namespace {

void append(std::vector<Entry>& entries, int sample, const std::vector<std::int64_t>& rows,
            std::int64_t first, std::int64_t count) {
  for (std::int64_t i = first; i < first + count; ++i) {
    entries.push_back({sample, rows[static_cast<std::size_t>(i)]});
  }
}

}  // namespace

std::optional<SplitCounts> official_split(std::string_view geometry_name) {
  if (geometry_name == "ds1-photons") return SplitCounts{80000, 20000, 21000};
  if (geometry_name == "ds1-pions") return SplitCounts{80000, 20000, 20800};
  if (geometry_name == "ds2" || geometry_name == "ds3") return SplitCounts{60000, 20000, 20000};
  return std::nullopt;
}

SplitCounts fractional_split(std::int64_t showers) {
  SplitCounts counts;
  counts.train = showers * 6 / 10;
  counts.test = showers * 2 / 10;
  counts.validation = showers - counts.train - counts.test;
  return counts;
}

Split draw_split(const std::vector<std::int64_t>& rows, const SplitCounts& counts,
                 std::uint64_t seed) {
  if (counts.train < 1 || counts.test < 0 || counts.validation < 0) {
    throw Error("the classifier's split trains on nothing", "there is nothing to learn from",
                "give it showers");
  }
  Split split;
  for (std::size_t sample = 0; sample < rows.size(); ++sample) {
    if (rows[sample] < counts.total()) {
      throw Error(fmt::format("a sample has {} showers", rows[sample]),
                  fmt::format("the split needs {} of each", counts.total()),
                  "take fractions of what there is, or a larger file");
    }
    std::vector<std::int64_t> order(static_cast<std::size_t>(rows[sample]));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    RandomStream stream(seed, seed_from(fmt::format("classifier split {}", sample)));
    detail::shuffle(order, stream);
    const int label = static_cast<int>(sample);
    append(split.train, label, order, 0, counts.train);
    append(split.test, label, order, counts.train, counts.test);
    append(split.validation, label, order, counts.train + counts.test, counts.validation);
  }
  return split;
}

}  // namespace moliere::judge::classifier
