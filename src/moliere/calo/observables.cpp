// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/observables.hpp"

#include "moliere/calo/detail/pairwise_sum.hpp"
#include "moliere/calo/index.hpp"
#include "moliere/calo/parallel.hpp"
#include "moliere/core/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <future>
#include <optional>
#include <string>

namespace moliere::calo {
namespace {

/// Showers that one thread observes at a time: their sums are merged in the order of the blocks, so
/// that means do not depend on the number of threads.
constexpr std::int64_t block_rows = 64;

/// Weights of a layer's cells in the sums of moments, (cells) each.
struct CellWeights {
  std::int64_t first = 0;
  std::int64_t cells = 0;
  int rings = 0;
  bool sectors = false;  ///< more than one alpha bin: eta and phi are defined
  std::vector<double> r, r_square, eta, eta_square, phi, phi_square;
};

CellWeights weights_of(const Layer& layer) {
  CellWeights weights;
  weights.first = layer.first_voxel;
  weights.cells = layer.voxels();
  weights.rings = layer.r_bins();
  weights.sectors = layer.alpha_bins > 1;
  for (int alpha = 0; alpha < layer.alpha_bins; ++alpha) {
    for (int ring = 0; ring < layer.r_bins(); ++ring) {
      const double r = layer.r_centre(ring);
      const double eta = r * std::cos(layer.alpha_centre(alpha));
      const double phi = r * std::sin(layer.alpha_centre(alpha));
      weights.r.push_back(r);
      weights.r_square.push_back(r * r);
      weights.eta.push_back(eta);
      weights.eta_square.push_back(eta * eta);
      weights.phi.push_back(phi);
      weights.phi_square.push_back(phi * phi);
    }
  }
  return weights;
}

struct CentreAndWidth {
  double centre = 0;
  double width = 0;
};

CentreAndWidth centre_and_width(const double* energy, float layer_energy,
                                const std::vector<double>& position,
                                const std::vector<double>& square) {
  constexpr float regulator = 1e-16F;  // the official code's; without effect above the threshold
  const double norm = static_cast<double>(layer_energy + regulator);
  const std::int64_t cells = static_cast<std::int64_t>(position.size());
  const double first = detail::pairwise_sum<double>(
      0, cells, [&](std::int64_t i) { return position[at(i)] * energy[i]; });
  const double second = detail::pairwise_sum<double>(
      0, cells, [&](std::int64_t i) { return square[at(i)] * energy[i]; });
  const double centre = first / norm;
  return {centre, std::sqrt(std::max(0.0, second / norm - centre * centre))};
}

/// Running means and sums of squared deviations in a number of places (Welford; merged as Chan,
/// Golub, LeVeque, "Updating formulae and a pairwise algorithm", 1979, equation 2.1).
class Moments {
 public:
  explicit Moments(std::size_t places) : mean_(places), square_(places) {}

  void add(const std::vector<double>& values) {
    ++count_;
    const double step = 1.0 / static_cast<double>(count_);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double deviation = values[i] - mean_[i];
      mean_[i] += deviation * step;
      square_[i] += deviation * (values[i] - mean_[i]);
    }
  }
  void merge(const Moments& other) {
    if (other.count_ == 0) return;
    const double a = static_cast<double>(count_);
    const double b = static_cast<double>(other.count_);
    for (std::size_t i = 0; i < mean_.size(); ++i) {
      const double deviation = other.mean_[i] - mean_[i];
      mean_[i] += deviation * (b / (a + b));
      square_[i] += other.square_[i] + deviation * deviation * (a * b / (a + b));
    }
    count_ += other.count_;
  }
  Profile profile(std::size_t first, std::size_t count) const {
    Profile profile;
    const double n = static_cast<double>(count_);
    for (std::size_t i = first; i < first + count; ++i) {
      profile.mean.push_back(mean_[i]);
      profile.standard_error.push_back(count_ > 1 ? std::sqrt(square_[i] / (n - 1) / n) : 0.0);
    }
    return profile;
  }

 private:
  std::int64_t count_ = 0;
  std::vector<double> mean_;
  std::vector<double> square_;
};

/// What a block of showers adds up to.
struct Sums {
  std::vector<double> shower;  ///< (V)
  Moments places;              ///< layers, then rings, then rings summed over layers
  float largest = 0;
  std::int64_t nonzero = 0;
  std::int64_t negative = 0;
  std::int64_t first_negative = -1;
  std::optional<Histogram> voxels;

  Sums(std::size_t voxel_count, std::size_t place_count)
      : shower(voxel_count), places(place_count) {}
  void merge(const Sums& other) {
    for (std::size_t i = 0; i < shower.size(); ++i) shower[i] += other.shower[i];
    places.merge(other.places);
    largest = std::max(largest, other.largest);
    nonzero += other.nonzero;
    negative += other.negative;
    if (first_negative < 0) first_negative = other.first_negative;  // blocks come in their order
    if (voxels) voxels->merge(*other.voxels);
  }
};

Error bad_value(std::int64_t row, std::string_view what) {
  return {fmt::format("{} of shower {} cannot be used", what, row),
          "energies must be finite numbers, incident energies above 0",
          "look at the file with `moliere showers validate`"};
}

bool common_rings(const std::vector<Layer>& layers) {
  return std::all_of(layers.begin(), layers.end(),
                     [&](const Layer& layer) { return layer.r_edges == layers.front().r_edges; });
}

}  // namespace

std::vector<float> Observables::response() const {
  std::vector<float> result(total_energy.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = total_energy[i] / incident_energy[i];
  return result;
}

struct Observer::Impl {
  std::string geometry_name;
  std::int64_t voxel_count = 0;
  float threshold = 0;
  std::vector<CellWeights> layers;
  std::size_t ring_count = 0;
  int common_ring_count = 0;  ///< 0: the layers differ
  int threads = 0;
  Observables result;
  Sums sums;

  Impl(const Geometry& geometry, int wanted_threads, std::size_t rings, int common)
      : geometry_name(geometry.name()),
        voxel_count(geometry.voxel_count()),
        // The official code compares in the file's float32: a voxel of just that value is kept.
        threshold(static_cast<float>(geometry.threshold())),
        ring_count(rings),
        common_ring_count(common),
        threads(wanted_threads),
        sums(at(voxel_count), geometry.layers().size() + rings + static_cast<std::size_t>(common)) {
    for (const Layer& layer : geometry.layers()) layers.push_back(weights_of(layer));
    result.layers.resize(layers.size());
  }

  Sums empty_sums() const {
    Sums empty(at(voxel_count), layers.size() + ring_count + at(common_ring_count));
    if (sums.voxels) empty.voxels.emplace(sums.voxels->edges());
    return empty;
  }
  void grow(std::size_t count);
  void observe_layer(std::size_t layer, const float* shower, std::size_t row,
                     std::vector<double>& energy, std::vector<double>& places);
  void observe_block(const ShowerBatch& batch, std::int64_t first, std::int64_t count,
                     std::int64_t rows_before, Sums& block);
};

void Observer::Impl::grow(std::size_t count) {
  result.incident_energy.resize(count);
  result.total_energy.resize(count);
  for (std::size_t l = 0; l < layers.size(); ++l) {
    LayerObservables& columns = result.layers[l];
    columns.energy.resize(count);
    for (auto* column : {&columns.sparsity, &columns.centre_r, &columns.width_r}) {
      column->resize(count);
    }
    if (!layers[l].sectors) continue;
    for (auto* column :
         {&columns.centre_eta, &columns.centre_phi, &columns.width_eta, &columns.width_phi}) {
      column->resize(count);
    }
  }
}

void Observer::Impl::observe_layer(std::size_t l, const float* shower, std::size_t row,
                                   std::vector<double>& energy, std::vector<double>& places) {
  const CellWeights& layer = layers[l];
  LayerObservables& columns = result.layers[l];
  const float* const cells = shower + layer.first;
  const float total =
      detail::pairwise_sum<float>(0, layer.cells, [&](std::int64_t i) { return cells[i]; });
  columns.energy[row] = total;
  places[l] = static_cast<double>(total);
  if (total == 0) {  // the moments stay 0
    columns.sparsity[row] = 1;
    return;
  }
  int filled = 0;
  for (std::int64_t i = 0; i < layer.cells; ++i) {
    energy[at(i)] = static_cast<double>(cells[i]);
    filled += cells[i] > 0 ? 1 : 0;
  }
  columns.sparsity[row] = 1.0 - static_cast<double>(filled) / static_cast<double>(layer.cells);
  const auto moments = [&](const std::vector<double>& position, const std::vector<double>& square,
                           std::vector<double>& centre, std::vector<double>& width) {
    const CentreAndWidth both = centre_and_width(energy.data(), total, position, square);
    centre[row] = both.centre;
    width[row] = both.width;
  };
  moments(layer.r, layer.r_square, columns.centre_r, columns.width_r);
  if (!layer.sectors) return;
  moments(layer.eta, layer.eta_square, columns.centre_eta, columns.width_eta);
  moments(layer.phi, layer.phi_square, columns.centre_phi, columns.width_phi);
}

void Observer::Impl::observe_block(const ShowerBatch& batch, std::int64_t first, std::int64_t count,
                                   std::int64_t rows_before, Sums& block) {
  std::vector<float> shower(at(voxel_count));
  std::vector<double> energy(at(voxel_count));
  std::vector<double> places;
  for (std::int64_t i = first; i < first + count; ++i) {
    const std::size_t row = at(rows_before + i);
    const float incident = batch.incident_energies[at(i)];
    if (!(incident > 0) || !std::isfinite(incident)) {
      throw bad_value(rows_before + i, "the incident energy");
    }
    const float* const voxels = batch.energies.data() + i * voxel_count;
    std::int64_t nonzero = 0;
    std::int64_t negative = 0;
    for (std::int64_t v = 0; v < voxel_count; ++v) {
      const float value = voxels[v] < threshold ? 0.0F : voxels[v];
      shower[at(v)] = value;
      block.shower[at(v)] += static_cast<double>(value);
      block.largest = std::max(block.largest, value);
      nonzero += value > 0 ? 1 : 0;
      negative += voxels[v] < 0 ? 1 : 0;
    }
    if (negative > 0 && block.first_negative < 0) block.first_negative = rows_before + i;
    block.negative += negative;
    const float total =
        detail::pairwise_sum<float>(0, voxel_count, [&](std::int64_t v) { return shower[at(v)]; });
    if (!std::isfinite(total)) throw bad_value(rows_before + i, "a voxel");
    block.nonzero += nonzero;
    if (block.voxels) block.voxels->add(std::span<const float>(shower));
    result.incident_energy[row] = incident;
    result.total_energy[row] = total;

    places.assign(layers.size() + ring_count + at(common_ring_count), 0.0);
    std::size_t place = layers.size();
    for (std::size_t l = 0; l < layers.size(); ++l) {
      observe_layer(l, shower.data(), row, energy, places);
      for (std::int64_t c = 0; places[l] > 0 && c < layers[l].cells; ++c) {
        const double cell = static_cast<double>(shower[at(layers[l].first + c)]);
        places[place + at(c % layers[l].rings)] += cell;
      }
      place += at(layers[l].rings);
    }
    for (std::size_t ring = 0; at(common_ring_count) > 0 && ring < ring_count; ++ring) {
      places[place + ring % at(common_ring_count)] += places[layers.size() + ring];
    }
    block.places.add(places);
  }
}

Observer::Observer(const Geometry& geometry, int threads) {
  std::size_t rings = 0;
  for (const Layer& layer : geometry.layers()) rings += static_cast<std::size_t>(layer.r_bins());
  const int common = common_rings(geometry.layers()) ? geometry.layers().front().r_bins() : 0;
  impl_ = std::make_unique<Impl>(geometry, threads, rings, common);
}
Observer::~Observer() = default;
Observer::Observer(Observer&&) noexcept = default;
Observer& Observer::operator=(Observer&&) noexcept = default;

void Observer::fill_voxels(std::vector<double> edges) {
  impl_->sums.voxels.emplace(std::move(edges));
}

void Observer::add(const ShowerBatch& batch) {
  if (batch.voxels != impl_->voxel_count ||
      batch.energies.size() != at(batch.size() * impl_->voxel_count)) {
    throw Error(fmt::format("showers of {} voxels", batch.voxels),
                fmt::format("the geometry {} has {}", impl_->geometry_name, impl_->voxel_count),
                "choose the geometry that the showers were made for");
  }
  const std::int64_t before = impl_->result.size();
  const std::int64_t blocks = (batch.size() + block_rows - 1) / block_rows;
  impl_->grow(at(before + batch.size()));
  std::vector<Sums> sums(at(blocks), impl_->empty_sums());
  for_each_task(at(blocks), impl_->threads, [&](std::size_t block, std::size_t) {
    const std::int64_t first = static_cast<std::int64_t>(block) * block_rows;
    const std::int64_t count = std::min(block_rows, batch.size() - first);
    impl_->observe_block(batch, first, count, before, sums[block]);
  });
  for (const Sums& block : sums) impl_->sums.merge(block);
}

Observables Observer::finish() {
  Observables& result = impl_->result;
  if (result.size() == 0) {
    throw Error("no showers to observe", "means and histograms of nothing do not exist",
                "give a file with at least one shower");
  }
  const Sums& sums = impl_->sums;
  result.largest_voxel = sums.largest;
  result.nonzero_voxels = sums.nonzero;
  result.negative_voxels = sums.negative;
  result.first_negative = sums.first_negative;
  result.mean_shower = sums.shower;
  for (double& voxel : result.mean_shower) voxel /= static_cast<double>(result.size());
  const std::size_t layer_count = impl_->layers.size();
  result.longitudinal = sums.places.profile(0, layer_count);
  std::size_t place = layer_count;
  for (const CellWeights& layer : impl_->layers) {
    result.radial.push_back(sums.places.profile(place, at(layer.rings)));
    place += at(layer.rings);
  }
  result.radial_sum = sums.places.profile(place, at(impl_->common_ring_count));
  return std::move(result);
}

const Histogram& Observer::voxels() const { return *impl_->sums.voxels; }

void for_each_batch(const ShowerReader& reader, const ObserveOptions& options, Progress& progress,
                    std::string_view what, const std::function<void(const ShowerBatch&)>& use) {
  constexpr std::int64_t piece_bytes = 32 << 20;  // far above a disk's latency, far below a memory
  const std::int64_t row_bytes =
      static_cast<std::int64_t>(sizeof(float)) * std::max(1, reader.voxels());
  const std::int64_t chunk = std::max<std::int64_t>(1, reader.chunk_rows());
  // Whole chunks, so that none is decompressed twice.
  const std::int64_t step = chunk * std::max<std::int64_t>(1, piece_bytes / row_bytes / chunk);
  const std::int64_t end =
      options.rows < 0 ? reader.size() : std::min(reader.size(), options.first + options.rows);
  std::array<ShowerBatch, 2> batches;
  std::future<void> pending;  // after the batches: it is waited for before they go
  std::size_t turn = 0;
  for (std::int64_t row = options.first; row < end; turn = 1 - turn) {
    const std::int64_t next = std::min(end, (row / step + 1) * step);
    reader.read(row, next - row, batches[turn]);
    if (pending.valid()) pending.get();
    progress.update(static_cast<double>(row - options.first),
                    static_cast<double>(end - options.first), what);
    pending = std::async(std::launch::async, [&use, &batch = batches[turn]] { use(batch); });
    row = next;
  }
  if (pending.valid()) pending.get();
  progress.update(1, 1, what);
}

namespace {

/// What is wrong with showers, with the name of the file that they are in.
template <class Work>
auto about_file(const ShowerReader& reader, const Work& work) {
  try {
    return work();
  } catch (const Error& error) {
    throw error.about(reader.file().string());
  }
}

Observables observe_into(Observer& observer, const ShowerReader& reader, Progress& progress,
                         const ObserveOptions& options) {
  const std::string what = fmt::format("observing {}", reader.file().filename().string());
  for_each_batch(reader, options, progress, what, [&](const ShowerBatch& batch) {
    about_file(reader, [&] { observer.add(batch); });
  });
  return about_file(reader, [&] { return observer.finish(); });
}

}  // namespace

void require_no_negative(const Observables& observables, const std::filesystem::path& file) {
  if (observables.negative_voxels == 0) return;
  throw Error("showers have negative energies",
              fmt::format("{} voxels, the first in shower {}", observables.negative_voxels,
                          observables.first_negative),
              "correct the generator, or set them to 0 with `moliere showers threshold`")
      .about(file.string());
}

Observables observe(const ShowerReader& reader, const Geometry& geometry, Progress& progress,
                    const ObserveOptions& options) {
  Observer observer(geometry, options.threads);
  return observe_into(observer, reader, progress, options);
}

Observables observe(const ShowerReader& reader, const Geometry& geometry, Progress& progress,
                    Histogram& voxels, const ObserveOptions& options) {
  Observer observer(geometry, options.threads);
  observer.fill_voxels(voxels.edges());
  Observables result = observe_into(observer, reader, progress, options);
  voxels.merge(observer.voxels());
  return result;
}

Observables observe(const ShowerBatch& batch, const Geometry& geometry, int threads) {
  Observer observer(geometry, threads);
  observer.add(batch);
  return observer.finish();
}

namespace {

void add_voxels(const ShowerBatch& batch, float threshold, Histogram& histogram) {
  for (const float value : batch.energies) {
    histogram.add(value < threshold ? 0.0 : static_cast<double>(value));
  }
}

}  // namespace

Histogram voxel_spectrum(const ShowerReader& reader, const Geometry& geometry,
                         std::vector<double> edges, Progress& progress,
                         const ObserveOptions& options) {
  Histogram histogram(std::move(edges));
  const float threshold = static_cast<float>(geometry.threshold());
  const std::string what = fmt::format("voxels of {}", reader.file().filename().string());
  for_each_batch(reader, options, progress, what,
                 [&](const ShowerBatch& batch) { add_voxels(batch, threshold, histogram); });
  return histogram;
}

Histogram voxel_spectrum(const ShowerBatch& batch, const Geometry& geometry,
                         std::vector<double> edges) {
  Histogram histogram(std::move(edges));
  add_voxels(batch, static_cast<float>(geometry.threshold()), histogram);
  return histogram;
}

}  // namespace moliere::calo
