// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/validate.hpp"

#include "moliere/calo/observables.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/hash.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

namespace moliere::calo {
namespace {

constexpr std::array all_checks{Check::not_a_number,    Check::infinite,        Check::negative,
                                Check::incident_energy, Check::too_much_energy, Check::duplicated,
                                Check::order,           Check::below_threshold, Check::empty};

/// Fewer voxels than these can coincide by chance in showers of equal incident energy.
constexpr std::int64_t least_compared_voxels = 5;
/// The mean of fewer showers is too uneven in itself.
constexpr std::int64_t least_judged_showers = 20;
/// In the true order the unevenness is a small part of that in another one.
constexpr double suspicious_ratio = 0.5;

/// What one shower consists of.
struct VoxelCounts {
  std::int64_t not_a_number = 0;
  std::int64_t infinite = 0;
  std::int64_t negative = 0;
  std::int64_t faint = 0;  ///< above 0, below the threshold
  std::int64_t lit = 0;    ///< above 0
  double sum = 0;

  bool broken() const { return not_a_number + infinite + negative > 0; }
};

VoxelCounts count_voxels(std::span<const float> shower, float threshold) {
  VoxelCounts counts;
  std::int64_t usable = 0;
  for (const float energy : shower) {
    counts.lit += energy > 0 ? 1 : 0;
    counts.faint += energy > 0 && energy < threshold ? 1 : 0;
    usable += energy >= 0 && energy <= std::numeric_limits<float>::max() ? 1 : 0;
    counts.sum += energy;
  }
  if (usable == static_cast<std::int64_t>(shower.size())) return counts;
  for (const float energy : shower) {
    if (std::isnan(energy)) {
      ++counts.not_a_number;
    } else if (std::isinf(energy)) {
      ++counts.infinite;
    } else if (energy < 0) {
      ++counts.negative;
    }
  }
  return counts;
}

struct HashedRow {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::int64_t row = 0;
  auto operator<=>(const HashedRow&) const = default;
  bool same_content(const HashedRow& other) const { return high == other.high && low == other.low; }
};

HashedRow hash_row(std::span<const float> shower, float incident_energy, std::int64_t row) {
  const std::string hex = ContentHash()
                              .add(std::as_bytes(std::span(&incident_energy, 1)))
                              .add(std::as_bytes(shower))
                              .hex();
  constexpr std::size_t half = 16;
  HashedRow hashed;
  hashed.row = row;
  std::from_chars(hex.data(), hex.data() + half, hashed.high, 16);
  std::from_chars(hex.data() + half, hex.data() + 2 * half, hashed.low, 16);
  return hashed;
}

class Validator {
 public:
  Validator(const Geometry& geometry, const ValidateOptions& options)
      : geometry_(geometry),
        options_(options),
        sums_(static_cast<std::size_t>(geometry.voxel_count())) {
    for (const Check check : all_checks) {
      Finding finding;
      finding.check = check;
      report_.findings.push_back(finding);
    }
  }

  void add(const ShowerBatch& batch) {
    for (std::int64_t i = 0; i < batch.size(); ++i) {
      add(batch.shower(i), batch.incident_energies[static_cast<std::size_t>(i)]);
      ++report_.showers;
    }
  }

  ValidationReport finish(const ShowerReader& reader) {
    find_duplicates(reader);
    judge_order();
    return std::move(report_);
  }

 private:
  void note(Check check, std::int64_t voxels, std::int64_t row) {
    Finding& finding = report_.findings[static_cast<std::size_t>(check)];
    ++finding.showers;
    finding.voxels += voxels;
    if (finding.first_rows.size() < options_.rows_shown) finding.first_rows.push_back(row);
  }

  void add(std::span<const float> shower, float incident_energy) {
    const std::int64_t row = report_.showers;
    const VoxelCounts counts = count_voxels(shower, static_cast<float>(geometry_.threshold()));
    if (counts.not_a_number > 0) note(Check::not_a_number, counts.not_a_number, row);
    if (counts.infinite > 0) note(Check::infinite, counts.infinite, row);
    if (counts.negative > 0) note(Check::negative, counts.negative, row);
    if (counts.faint > 0) note(Check::below_threshold, counts.faint, row);
    if (counts.lit == 0) note(Check::empty, 0, row);
    const bool known_energy = std::isfinite(incident_energy) && incident_energy > 0;
    if (!known_energy) note(Check::incident_energy, 0, row);
    if (known_energy && !counts.broken() && counts.sum > options_.factor * incident_energy) {
      note(Check::too_much_energy, 0, row);
    }
    if (counts.lit >= least_compared_voxels) {
      rows_.push_back(hash_row(shower, incident_energy, row));
    }
    if (counts.lit > 0 && !counts.broken()) {
      ++summed_;
      for (std::size_t i = 0; i < shower.size(); ++i) sums_[i] += shower[i];
    }
  }

  void find_duplicates(const ShowerReader& reader) {
    std::ranges::sort(rows_);
    std::vector<std::pair<std::int64_t, std::int64_t>> later_and_first;
    std::size_t first = 0;
    for (std::size_t i = 1; i < rows_.size(); ++i) {
      if (!rows_[i].same_content(rows_[first])) {
        first = i;
      } else {
        later_and_first.emplace_back(rows_[i].row, rows_[first].row);
      }
    }
    std::ranges::sort(later_and_first);
    Finding& finding = report_.findings[static_cast<std::size_t>(Check::duplicated)];
    for (const auto& [later, earlier] : later_and_first) {
      const bool shown = finding.first_rows.size() < options_.rows_shown;
      // Random access is slow in compressed files: what is shown is confirmed. The chance of a
      // collision of 128 bits does not count beside that of a fault of the memory.
      if (shown && !equal_rows(reader, later, earlier)) continue;
      ++finding.showers;
      if (!shown) continue;
      finding.first_rows.push_back(later);
      finding.first_equal.push_back(earlier);
    }
  }

  static bool equal_rows(const ShowerReader& reader, std::int64_t a, std::int64_t b) {
    const ShowerBatch one = reader.read(a, 1);
    const ShowerBatch other = reader.read(b, 1);
    return std::ranges::equal(std::as_bytes(std::span(one.energies)),
                              std::as_bytes(std::span(other.energies))) &&
           one.incident_energies == other.incident_energies;
  }

  void judge_order() {
    for (double& sum : sums_) sum /= static_cast<double>(std::max<std::int64_t>(summed_, 1));
    if (summed_ < least_judged_showers) return;
    report_.order = check_order(sums_, geometry_);
    if (!report_.order.suspicious) return;
    Finding& finding = report_.findings[static_cast<std::size_t>(Check::order)];
    finding.showers = report_.showers;
  }

  const Geometry& geometry_;
  ValidateOptions options_;
  ValidationReport report_;
  std::vector<HashedRow> rows_;
  std::vector<double> sums_;
  std::int64_t summed_ = 0;
};

/// Steps between neighbours of a layer's cells in an assumed order.
struct Strides {
  int layer = 0;
  int alpha = 0;
  int r = 0;
};

/// Sum of squared distances of cells from their ring's mean.
double variance_within_rings(std::span<const double> shower, const Geometry& geometry,
                             const auto& strides_of) {
  double sum = 0;
  for (std::size_t l = 0; l < geometry.layers().size(); ++l) {
    const Layer& layer = geometry.layers()[l];
    const Strides strides = strides_of(layer);
    const int first = strides.layer == 0 ? layer.first_voxel : static_cast<int>(l) * strides.layer;
    for (int r = 0; r < layer.r_bins(); ++r) {
      const auto energy = [&](int alpha) {
        const int voxel = first + alpha * strides.alpha + r * strides.r;
        return shower[static_cast<std::size_t>(voxel)];
      };
      double mean = 0;
      for (int alpha = 0; alpha < layer.alpha_bins; ++alpha) mean += energy(alpha);
      mean /= layer.alpha_bins;
      for (int alpha = 0; alpha < layer.alpha_bins; ++alpha) {
        sum += (energy(alpha) - mean) * (energy(alpha) - mean);
      }
    }
  }
  return sum;
}

double variance(std::span<const double> shower) {
  const double mean =
      std::accumulate(shower.begin(), shower.end(), 0.0) / static_cast<double>(shower.size());
  double sum = 0;
  for (const double energy : shower) sum += (energy - mean) * (energy - mean);
  return sum;
}

/// Whole files can be written with the axes in any order only where all layers are alike.
bool layers_are_alike(const Geometry& geometry) {
  const Layer& first = geometry.layers().front();
  return std::ranges::all_of(geometry.layers(), [&](const Layer& layer) {
    return layer.r_bins() == first.r_bins() && layer.alpha_bins == first.alpha_bins;
  });
}

}  // namespace

std::string_view to_string(Check check) {
  switch (check) {
    case Check::not_a_number:
      return "not a number";
    case Check::infinite:
      return "infinite";
    case Check::negative:
      return "negative";
    case Check::incident_energy:
      return "incident energy";
    case Check::too_much_energy:
      return "too much energy";
    case Check::duplicated:
      return "duplicated";
    case Check::order:
      return "order";
    case Check::below_threshold:
      return "below threshold";
    case Check::empty:
      break;
  }
  return "empty";
}

bool is_fault(Check check) { return check != Check::below_threshold && check != Check::empty; }

OrderCheck check_order(std::span<const double> mean_shower, const Geometry& geometry) {
  OrderCheck check;
  const double total = variance(mean_shower);
  if (!(total > 0)) return check;
  const auto score = [&](std::string order, const auto& strides_of) {
    check.scores.push_back(
        {std::move(order), variance_within_rings(mean_shower, geometry, strides_of) / total});
  };
  score("layer, alpha, r", [](const Layer& layer) { return Strides{0, layer.r_bins(), 1}; });
  score("layer, r, alpha", [](const Layer& layer) { return Strides{0, 1, layer.alpha_bins}; });
  if (layers_are_alike(geometry)) {
    const auto layers = static_cast<int>(geometry.layers().size());
    // Orders that only exchange layer and r beside these have the same rings.
    score("r, alpha, layer", [layers](const Layer& layer) {
      return Strides{1, layers, layers * layer.alpha_bins};
    });
    score("alpha, layer, r", [layers](const Layer& layer) {
      return Strides{layer.r_bins(), layers * layer.r_bins(), 1};
    });
  }
  const auto& best = *std::ranges::min_element(check.scores, {}, &OrderScore::unevenness);
  check.judged = true;
  check.best = best.order;
  check.suspicious = best.unevenness < suspicious_ratio * check.scores.front().unevenness;
  return check;
}

bool ValidationReport::passed() const {
  return std::ranges::none_of(findings, [](const Finding& finding) {
    return is_fault(finding.check) && finding.showers > 0;
  });
}

ValidationReport validate(const ShowerReader& reader, const Geometry& geometry,
                          const ValidateOptions& options, Progress& progress) {
  if (reader.voxels() != geometry.voxel_count()) {
    throw Error(fmt::format("showers of {} voxels", reader.voxels()),
                fmt::format("the geometry {} has {}", geometry.name(), geometry.voxel_count()),
                "give the geometry that the file was made for")
        .about(reader.file().string());
  }
  Validator validator(geometry, options);
  for_each_batch(reader, {}, progress,
                 fmt::format("checking {}", reader.file().filename().string()),
                 [&](const ShowerBatch& batch) { validator.add(batch); });
  return validator.finish(reader);
}

}  // namespace moliere::calo
