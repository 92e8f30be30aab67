// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/neighbours.hpp"

#include "moliere/calo/detail/gram.hpp"
#include "moliere/calo/index.hpp"
#include "moliere/calo/parallel.hpp"
#include "moliere/core/error.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>

namespace moliere::calo {
namespace {

using Points = FeatureMatrix<float>;
using detail::Operand;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr std::int64_t tile_rows = 384;  // a tile of products stays in the second cache

std::int64_t tiles(std::int64_t rows) { return (rows + tile_rows - 1) / tile_rows; }

void check(const Points& points, std::int64_t least) {
  if (points.rows() < least) {
    throw Error(fmt::format("{} showers", points.rows()),
                fmt::format("the search for neighbours needs at least {}", least),
                "Give a larger sample.");
  }
  if (!std::all_of(points.values.begin(), points.values.end(),
                   [](float value) { return std::isfinite(value); })) {
    throw Error("a feature that is no finite number", "every distance to it is undefined",
                "look at the file with `moliere showers validate`");
  }
}

void check_widths(const Points& a, const Points& b) {
  if (a.columns == b.columns) return;
  throw Error(fmt::format("{} features against {}", a.columns, b.columns),
              "a distance needs the same features of both samples",
              "Compute both from one geometry.");
}

/// Squared lengths of the rows, each by the same sum as the products of gram.hpp would be.
template <class T>
std::vector<T> squared_lengths(const Points& points) {
  std::vector<T> lengths(at(points.rows()));
  const std::int64_t d = points.columns;
  for (std::int64_t i = 0; i < points.rows(); ++i) {
    const Operand<float> row{points.row(i).data(), d};
    detail::multiply_transposed<float, T>(1, 1, d, row, row, &lengths[at(i)]);
  }
  return lengths;
}

/// A rectangle of distances, in float32.
struct Tile {
  std::int64_t first_a = 0, rows_a = 0, first_b = 0, rows_b = 0;
  std::vector<float> distances;  ///< (rows_a, rows_b)

  const float* row(std::int64_t i) const { return distances.data() + i * rows_b; }
};

/// Distances of tiles of a and b, from |x|^2 + |y|^2 - 2 x.y in T, rounded to float32 before and
/// after the root as scikit-learn does for float32 features: pairs of nearly equal distance then
/// tie as in the official evaluation. Equal pairs of rows have equal results wherever they stand,
/// so that "nearer than" is strict between copies.
template <class T>
class TileDistances {
 public:
  TileDistances(const Points& a, const Points& b)
      : a_(a), b_(b), lengths_a_(squared_lengths<T>(a)), lengths_b_(squared_lengths<T>(b)) {}

  void compute(std::int64_t tile_a, std::int64_t tile_b, Tile& tile) const {
    tile.first_a = tile_a * tile_rows;
    tile.first_b = tile_b * tile_rows;
    tile.rows_a = std::min(tile_rows, a_.rows() - tile.first_a);
    tile.rows_b = std::min(tile_rows, b_.rows() - tile.first_b);
    const std::int64_t d = a_.columns;
    std::vector<T> products(at(tile.rows_a * tile.rows_b));
    detail::multiply_transposed<float, T>(tile.rows_a, tile.rows_b, d,
                                          {a_.row(tile.first_a).data(), d},
                                          {b_.row(tile.first_b).data(), d}, products.data());
    tile.distances.resize(products.size());
    for (std::int64_t i = 0; i < tile.rows_a; ++i) {
      const T* const product = products.data() + i * tile.rows_b;
      const T length = lengths_a_[at(tile.first_a + i)];
      const T* const others = lengths_b_.data() + tile.first_b;
      float* const row = tile.distances.data() + i * tile.rows_b;
      for (std::int64_t j = 0; j < tile.rows_b; ++j) {
        const T square = length + others[j] - 2 * product[j];
        row[j] = std::sqrt(static_cast<float>(std::max(T{0}, square)));
      }
    }
  }

 private:
  const Points& a_;
  const Points& b_;
  std::vector<T> lengths_a_;
  std::vector<T> lengths_b_;
};

/// The k smallest distances that each point was offered, ascending.
class Smallest {
 public:
  Smallest(std::int64_t points, std::int64_t k) : k_(k), values_(at(points * k), infinity) {}

  void offer(std::int64_t point, float distance) {
    float* const list = values_.data() + point * k_;
    std::int64_t place = k_ - 1;
    if (!(distance < list[place])) return;
    for (; place > 0 && distance < list[place - 1]; --place) list[place] = list[place - 1];
    list[place] = distance;
  }
  void merge(const Smallest& other) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      offer(static_cast<std::int64_t>(i) / k_, other.values_[i]);
    }
  }
  float largest(std::int64_t point) const { return values_[at(point * k_ + k_ - 1)]; }

 private:
  std::int64_t k_;
  std::vector<float> values_;
};

/// Counts finished tiles for a Progress that is called by one thread at a time.
class Ticker {
 public:
  Ticker(Progress& progress, std::size_t total, std::string_view what)
      : progress_(progress), total_(total), what_(what) {}
  void tick() {
    const std::scoped_lock lock(mutex_);
    progress_.update(static_cast<double>(++done_), static_cast<double>(total_), what_);
  }

 private:
  Progress& progress_;
  std::size_t total_;
  std::string_view what_;
  std::mutex mutex_;
  std::size_t done_ = 0;
};

/// Distances to the k-th neighbour; each pair is computed once.
template <class T>
std::vector<float> radii_of(const Points& points, int k, int threads, Progress& progress,
                            std::string_view what) {
  const TileDistances<T> distances(points, points);
  const std::int64_t side = tiles(points.rows());
  const std::size_t workers = static_cast<std::size_t>(thread_count(threads));
  std::vector<Smallest> smallest(workers, Smallest(points.rows(), k));
  Ticker ticker(progress, at(side), what);
  for_each_task(at(side), threads, [&](std::size_t task, std::size_t thread) {
    const std::int64_t tile_a = static_cast<std::int64_t>(task);
    Tile tile;
    Smallest& mine = smallest[thread];
    for (std::int64_t tile_b = tile_a; tile_b < side; ++tile_b) {
      distances.compute(tile_a, tile_b, tile);
      for (std::int64_t i = 0; i < tile.rows_a; ++i) {
        const float* const row = tile.row(i);
        const std::int64_t a = tile.first_a + i;
        // On the diagonal only the pairs above it: neither a point with itself nor one twice.
        for (std::int64_t j = tile_a == tile_b ? i + 1 : 0; j < tile.rows_b; ++j) {
          mine.offer(a, row[j]);
          mine.offer(tile.first_b + j, row[j]);
        }
      }
    }
    ticker.tick();
  });
  for (std::size_t other = 1; other < workers; ++other) smallest[0].merge(smallest[other]);
  std::vector<float> radii(at(points.rows()));
  for (std::int64_t i = 0; i < points.rows(); ++i) radii[at(i)] = smallest[0].largest(i);
  return radii;
}

/// Distance from differences, without cancellation.
double direct_distance(std::span<const float> a, std::span<const float> b) {
  double square = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    square += difference * difference;
  }
  return std::sqrt(square);
}

double direct_radius(const Points& points, std::int64_t point, int k) {
  std::vector<double> all;
  for (std::int64_t i = 0; i < points.rows(); ++i) {
    if (i != point) all.push_back(direct_distance(points.row(point), points.row(i)));
  }
  std::nth_element(all.begin(), all.begin() + k - 1, all.end());
  return all[at(k - 1)];
}

double largest_deviation(const Points& points, int k, const std::vector<float>& radii) {
  constexpr std::int64_t checked = 16;  // enough to see a loss of digits, cheap beside the rest
  const std::int64_t step = std::max<std::int64_t>(1, points.rows() / checked);
  double largest = 0;
  for (std::int64_t i = 0; i < points.rows(); i += step) {
    const double exact = direct_radius(points, i, k);
    const double radius = static_cast<double>(radii[at(i)]);
    if (exact > 0) largest = std::max(largest, std::abs(radius / exact - 1));
  }
  return largest;
}

template <class T>
Prdc prdc(const Points& reference, const Points& sample, int k, int threads, Progress& progress) {
  const std::vector<float> reference_radii =
      radii_of<T>(reference, k, threads, progress, "neighbours in the reference");
  const std::vector<float> sample_radii =
      radii_of<T>(sample, k, threads, progress, "neighbours in the sample");
  const TileDistances<T> distances(reference, sample);
  const std::size_t workers = static_cast<std::size_t>(thread_count(threads));
  // Balls of the reference around each sample point, counted by each thread.
  std::vector<std::vector<std::int64_t>> balls(workers,
                                               std::vector<std::int64_t>(at(sample.rows())));
  std::vector<char> recalled(at(reference.rows())), covered(at(reference.rows()));
  const std::int64_t side = tiles(reference.rows());
  Ticker ticker(progress, at(side), "neighbours between the samples");
  for_each_task(at(side), threads, [&](std::size_t task, std::size_t thread) {
    Tile tile;
    for (std::int64_t tile_b = 0; tile_b < tiles(sample.rows()); ++tile_b) {
      distances.compute(static_cast<std::int64_t>(task), tile_b, tile);
      std::int64_t* const counts = balls[thread].data() + tile.first_b;
      const float* const other_radii = sample_radii.data() + tile.first_b;
      for (std::int64_t i = 0; i < tile.rows_a; ++i) {
        const float* const row = tile.row(i);
        const std::size_t a = at(tile.first_a + i);
        const float radius = reference_radii[a];
        bool is_recalled = false, is_covered = false;
        for (std::int64_t j = 0; j < tile.rows_b; ++j) {
          const bool inside = row[j] < radius;
          counts[j] += inside ? 1 : 0;
          is_covered |= inside;
          is_recalled |= row[j] < other_radii[j];
        }
        if (is_covered) covered[a] = 1;
        if (is_recalled) recalled[a] = 1;
      }
    }
    ticker.tick();
  });
  std::int64_t precise = 0, in_balls = 0, recall = 0, coverage = 0;
  for (std::int64_t j = 0; j < sample.rows(); ++j) {
    std::int64_t around = 0;
    for (const std::vector<std::int64_t>& counts : balls) around += counts[at(j)];
    precise += around > 0 ? 1 : 0;
    in_balls += around;
  }
  for (const char yes : recalled) recall += yes;
  for (const char yes : covered) coverage += yes;
  const double n = static_cast<double>(reference.rows());
  const double m = static_cast<double>(sample.rows());
  Prdc result;
  result.precision = static_cast<double>(precise) / m;
  result.recall = static_cast<double>(recall) / n;
  result.density = static_cast<double>(in_balls) / (m * k);
  result.coverage = static_cast<double>(coverage) / n;
  if constexpr (std::is_same_v<T, float>) {
    result.radius_deviation = largest_deviation(reference, k, reference_radii);
  }
  return result;
}

template <class T>
std::vector<double> nearest(const Points& queries, const Points& base, int threads,
                            Progress& progress) {
  const TileDistances<T> distances(queries, base);
  std::vector<double> result(at(queries.rows()));
  const std::int64_t side = tiles(queries.rows());
  Ticker ticker(progress, at(side), "nearest neighbours");
  for_each_task(at(side), threads, [&](std::size_t task, std::size_t) {
    Tile tile;
    std::vector<float> best(at(tile_rows), infinity);
    std::vector<std::int64_t> which(at(tile_rows), 0);
    for (std::int64_t tile_b = 0; tile_b < tiles(base.rows()); ++tile_b) {
      distances.compute(static_cast<std::int64_t>(task), tile_b, tile);
      for (std::int64_t i = 0; i < tile.rows_a; ++i) {
        const float* const row = tile.row(i);
        for (std::int64_t j = 0; j < tile.rows_b; ++j) {
          if (!(row[j] < best[at(i)])) continue;
          best[at(i)] = row[j];
          which[at(i)] = tile.first_b + j;
        }
      }
    }
    for (std::int64_t i = 0; i < tile.rows_a; ++i) {
      const std::int64_t query = tile.first_a + i;
      result[at(query)] = direct_distance(queries.row(query), base.row(which[at(i)]));
    }
    ticker.tick();
  });
  return result;
}

}  // namespace

std::vector<double> neighbour_radii(const Points& points, int k, const NeighbourOptions& options,
                                    Progress& progress) {
  check(points, std::int64_t{std::max(1, k)} + 1);
  if (k < 1)
    throw Error("a neighbour number below 1", "the first is the nearest", "Ask for k > 0.");
  constexpr std::string_view what = "neighbours";
  const std::vector<float> radii =
      options.arithmetic == Arithmetic::float32
          ? radii_of<float>(points, k, options.threads, progress, what)
          : radii_of<double>(points, k, options.threads, progress, what);
  return {radii.begin(), radii.end()};
}

std::vector<double> nearest_distances(const Points& queries, const Points& base,
                                      const NeighbourOptions& options, Progress& progress) {
  check_widths(queries, base);
  check(queries, 1);
  check(base, 1);
  return options.arithmetic == Arithmetic::float32
             ? nearest<float>(queries, base, options.threads, progress)
             : nearest<double>(queries, base, options.threads, progress);
}

Prdc precision_recall_density_coverage(const Points& reference, const Points& sample, int k,
                                       const NeighbourOptions& options, Progress& progress) {
  check_widths(reference, sample);
  if (k < 1)
    throw Error("a neighbour number below 1", "the first is the nearest", "Ask for k > 0.");
  check(reference, std::int64_t{k} + 1);
  check(sample, std::int64_t{k} + 1);
  return options.arithmetic == Arithmetic::float32
             ? prdc<float>(reference, sample, k, options.threads, progress)
             : prdc<double>(reference, sample, k, options.threads, progress);
}

}  // namespace moliere::calo
