// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/separation.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <cmath>

namespace moliere::calo {
namespace {

using Column = std::vector<double> LayerObservables::*;

/// Number of bins in the official plots.
constexpr int linear_bins = 100;
constexpr int layer_energy_bins = 39;
constexpr int voxel_bins = 49;
constexpr int coarse_bins = 20;

struct Range {
  double low = 0;
  double high = 0;
};

/// The official ranges of a layer's moments [mm].
struct LayerRanges {
  Range centre;  ///< of eta and phi
  Range width;   ///< of eta and phi
  Range centre_radius;
  Range width_radius;
};

bool is_first_data_set(const Geometry& geometry) {
  return geometry.name() == "ds1-photons" || geometry.name() == "ds1-pions";
}

LayerRanges ranges_of(const Geometry& geometry, const Layer& layer) {
  if (geometry.name() == "ds2" || geometry.name() == "ds3") {
    return {{-30, 30}, {0, 30}, {0, 42}, {0, 20}};
  }
  if (is_first_data_set(geometry)) {
    const bool hadronic = layer.id == 12 || layer.id == 13;  // coarse cells, wide showers
    const Range radius = hadronic || layer.id == 14 ? Range{0, 1500} : Range{0, 500};
    if (hadronic) return {{-500, 500}, {0, 400}, radius, radius};
    return {{-100, 100}, {0, 100}, radius, radius};
  }
  const double outer = layer.r_edges.back();
  return {{-outer, outer}, {0, outer}, {0, outer}, {0, outer}};
}

/// Logarithmic bins from the threshold up to `largest`; one decade where nothing lies above it.
std::vector<double> energy_edges(const Geometry& geometry, float largest, int bins) {
  constexpr double least = 1e-6;  // MeV: a detector without threshold still needs a first edge
  const double low = geometry.threshold() > 0 ? geometry.threshold() : least;
  const float decade = static_cast<float>(10 * low);
  return logarithmic_edges(low, static_cast<double>(largest) > low ? largest : decade, bins);
}

float largest_of(const std::vector<float>& values) {
  return values.empty() ? 0.0F : *std::max_element(values.begin(), values.end());
}

void judge(Comparison& comparison) {
  comparison.separation = separation_power(comparison.reference, comparison.sample);
  comparison.floor = separation_floor(comparison.reference, comparison.sample);
  comparison.chi_square = chi_square(comparison.reference, comparison.sample);
}

template <class T>
Comparison compare_columns(std::string name, ObservableKind kind, std::vector<double> edges,
                           const std::vector<T>& reference, const std::vector<T>& sample) {
  Comparison comparison(std::move(edges));
  comparison.name = std::move(name);
  comparison.kind = kind;
  comparison.reference.add(std::span<const T>(reference));
  comparison.sample.add(std::span<const T>(sample));
  judge(comparison);
  return comparison;
}

/// Builds the list, kind by kind.
class Comparisons {
 public:
  Comparisons(const Geometry& geometry, const Observables& reference, const Observables& sample)
      : geometry_(geometry),
        reference_(reference),
        sample_(sample),
        reference_response_(reference.response()),
        sample_response_(sample.response()) {}

  void response() {
    list_.push_back(compare_columns("Etot / Einc", ObservableKind::response,
                                    linear_edges(0.5, 1.5, linear_bins), reference_response_,
                                    sample_response_));
  }

  void layer_energies() {
    for (std::size_t l = 0; l < layer_count(); ++l) {
      const std::vector<float>& reference = reference_.layers[l].energy;
      list_.push_back(
          compare_columns(label("E", l), ObservableKind::layer_energy,
                          energy_edges(geometry_, largest_of(reference), layer_energy_bins),
                          reference, sample_.layers[l].energy));
      describe(l, "MeV", true);
    }
  }

  /// A column of every layer that has it.
  void layer_column(std::string_view name, ObservableKind kind, Column column,
                    Range LayerRanges::*range) {
    for (std::size_t l = 0; l < layer_count(); ++l) {
      if ((reference_.layers[l].*column).empty()) continue;
      const Range limits = ranges_of(geometry_, geometry_.layers()[l]).*range;
      list_.push_back(compare_columns(label(name, l), kind,
                                      linear_edges(limits.low, limits.high, linear_bins),
                                      reference_.layers[l].*column, sample_.layers[l].*column));
      describe(l, "mm", false);
    }
  }

  void voxels(const Histogram& reference, const Histogram& sample) {
    Comparison& comparison = list_.emplace_back(reference.edges());
    comparison.name = "Voxel distribution";
    comparison.kind = ObservableKind::voxel_energy;
    comparison.unit = "MeV";
    comparison.logarithmic = true;
    comparison.reference.merge(reference);
    comparison.sample.merge(sample);
    judge(comparison);
  }

  void sparsities() {
    for (std::size_t l = 0; l < layer_count(); ++l) {
      list_.push_back(compare_columns(label("Sparsity", l), ObservableKind::sparsity,
                                      linear_edges(0, 1, coarse_bins),
                                      reference_.layers[l].sparsity, sample_.layers[l].sparsity));
      list_.back().layer = static_cast<int>(l);
    }
  }

  void responses_at_energies() {
    constexpr int first_power = 8, last_power = 22;  // 256 MeV to 4.2 TeV
    constexpr int first_narrow_power = 12;           // photons from 4096 MeV on are well contained
    const bool photons = geometry_.name() == "ds1-photons";
    for (int power = first_power; power <= last_power; ++power) {
      const bool narrow = photons && power >= first_narrow_power;
      const Range range = narrow ? Range{0.9, 1.1} : Range{0.4, 1.4};
      list_.push_back(compare_columns(
          fmt::format("Etot / Einc at E = {:.1f}", std::ldexp(1.0, power)),
          ObservableKind::response_at_energy, linear_edges(range.low, range.high, coarse_bins),
          select(reference_, reference_response_, power),
          select(sample_, sample_response_, power)));
    }
  }

  std::vector<Comparison> take() { return std::move(list_); }

 private:
  std::size_t layer_count() const { return geometry_.layers().size(); }

  std::string label(std::string_view name, std::size_t layer) const {
    return fmt::format("{} layer {}", name, geometry_.layers()[layer].id);
  }

  void describe(std::size_t layer, std::string unit, bool logarithmic) {
    list_.back().layer = static_cast<int>(layer);
    list_.back().unit = std::move(unit);
    list_.back().logarithmic = logarithmic;
  }

  /// Responses at incident energies in [2^power, 2^(power + 1)) MeV.
  static std::vector<float> select(const Observables& observables,
                                   const std::vector<float>& response, int power) {
    const float low = std::ldexp(1.0F, power);
    std::vector<float> chosen;
    for (std::size_t i = 0; i < response.size(); ++i) {
      const float energy = observables.incident_energy[i];
      if (energy >= low && energy < 2 * low) chosen.push_back(response[i]);
    }
    return chosen;
  }

  const Geometry& geometry_;
  const Observables& reference_;
  const Observables& sample_;
  std::vector<float> reference_response_;
  std::vector<float> sample_response_;
  std::vector<Comparison> list_;
};

void check_layers(const Geometry& geometry, const Observables& observables) {
  if (observables.layers.size() == geometry.layers().size()) return;
  throw Error(fmt::format("observables of {} layers", observables.layers.size()),
              fmt::format("the geometry {} has {}", geometry.name(), geometry.layers().size()),
              "Observe both samples with this geometry.");
}

template <class T>
std::vector<T> slice_column(const std::vector<T>& column, std::int64_t first, std::int64_t count) {
  if (column.empty()) return {};
  return std::vector<T>(column.begin() + first, column.begin() + first + count);
}

}  // namespace

std::vector<double> voxel_edges(const Geometry& geometry, const Observables& reference) {
  return energy_edges(geometry, reference.largest_voxel, voxel_bins);
}

std::vector<Comparison> compare_observables(const Geometry& geometry, const Observables& reference,
                                            const Observables& sample,
                                            const Histogram& reference_voxels,
                                            const Histogram& sample_voxels) {
  check_layers(geometry, reference);
  check_layers(geometry, sample);
  Comparisons list(geometry, reference, sample);
  list.response();
  list.layer_energies();
  list.layer_column("EC Eta", ObservableKind::centre_eta, &LayerObservables::centre_eta,
                    &LayerRanges::centre);
  list.layer_column("EC Phi", ObservableKind::centre_phi, &LayerObservables::centre_phi,
                    &LayerRanges::centre);
  list.layer_column("Width Eta", ObservableKind::width_eta, &LayerObservables::width_eta,
                    &LayerRanges::width);
  list.layer_column("Width Phi", ObservableKind::width_phi, &LayerObservables::width_phi,
                    &LayerRanges::width);
  list.voxels(reference_voxels, sample_voxels);
  list.sparsities();
  list.layer_column("EC r", ObservableKind::centre_r, &LayerObservables::centre_r,
                    &LayerRanges::centre_radius);
  list.layer_column("Width r", ObservableKind::width_r, &LayerObservables::width_r,
                    &LayerRanges::width_radius);
  if (is_first_data_set(geometry)) list.responses_at_energies();
  return list.take();
}

SampleComparison compare_files(const ShowerReader& reference, const ShowerReader& sample,
                               const Geometry& geometry, Progress& progress,
                               const ObserveOptions& reference_rows,
                               const ObserveOptions& sample_rows) {
  SampleComparison result;
  result.reference = observe(reference, geometry, progress, reference_rows);
  const std::vector<double> edges = voxel_edges(geometry, result.reference);
  const Histogram reference_voxels =
      voxel_spectrum(reference, geometry, edges, progress, reference_rows);
  Histogram sample_voxels(edges);
  result.sample = observe(sample, geometry, progress, sample_voxels, sample_rows);
  result.comparisons = compare_observables(geometry, result.reference, result.sample,
                                           reference_voxels, sample_voxels);
  return result;
}

Observables slice(const Observables& observables, std::int64_t first, std::int64_t count) {
  if (first < 0 || count < 1 || first + count > observables.size()) {
    throw Error(fmt::format("no showers {} to {}", first, first + count),
                fmt::format("{} were observed", observables.size()), "ask for fewer");
  }
  Observables part;
  part.incident_energy = slice_column(observables.incident_energy, first, count);
  part.total_energy = slice_column(observables.total_energy, first, count);
  for (const LayerObservables& layer : observables.layers) {
    LayerObservables& columns = part.layers.emplace_back();
    columns.energy = slice_column(layer.energy, first, count);
    for (const Column column :
         {&LayerObservables::sparsity, &LayerObservables::centre_r, &LayerObservables::width_r,
          &LayerObservables::centre_eta, &LayerObservables::centre_phi,
          &LayerObservables::width_eta, &LayerObservables::width_phi}) {
      columns.*column = slice_column(layer.*column, first, count);
    }
  }
  return part;
}

}  // namespace moliere::calo
