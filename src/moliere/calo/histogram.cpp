// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/histogram.hpp"

#include "moliere/calo/detail/log10_float32.hpp"
#include "moliere/core/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace moliere::calo {
namespace {

/// numpy.linspace, bit by bit.
std::vector<double> linspace(double low, double high, int steps) {
  std::vector<double> points(static_cast<std::size_t>(steps) + 1);
  const double step = (high - low) / steps;
  for (int i = 0; i < steps; ++i) points[static_cast<std::size_t>(i)] = i * step + low;
  points.back() = high;
  return points;
}

void check_range(double low, double high, int bins) {
  if (bins > 0 && std::isfinite(low) && std::isfinite(high) && low < high) return;
  throw Error(fmt::format("no binning of [{}, {}] in {} bins", low, high, bins),
              "a histogram needs a rising, finite range and at least one bin",
              "Give other limits; check that the showers hold energy.");
}

/// Bins that hold an entry of either.
int occupied_bins(const Histogram& a, const Histogram& b) {
  int occupied = 0;
  for (std::size_t k = 0; k < a.counts().size(); ++k) {
    if (a.counts()[k] + b.counts()[k] > 0) ++occupied;
  }
  return occupied;
}

void check_same_edges(const Histogram& a, const Histogram& b) {
  if (a.edges() == b.edges()) return;
  throw Error("two histograms with different bins",
              "counts of different bins cannot be added or compared",
              "Fill both with the reference's edges.");
}

}  // namespace

std::vector<double> linear_edges(double low, double high, int bins) {
  check_range(low, high, bins);
  return linspace(low, high, bins);
}

std::vector<double> logarithmic_edges(double low, float high, int bins) {
  check_range(low, static_cast<double>(high), bins);
  if (low <= 0) {
    throw Error(fmt::format("logarithmic bins from {}", low), "its logarithm does not exist",
                "Begin above 0, at the least energy that is read out.");
  }
  const double top = static_cast<double>(detail::log10_float32(high));
  std::vector<double> edges = linspace(std::log10(low), top, bins);
  for (double& edge : edges) edge = std::pow(10.0, edge);
  return edges;
}

Histogram::Histogram(std::vector<double> edges) : edges_(std::move(edges)) {
  const bool rises = std::adjacent_find(edges_.begin(), edges_.end(), [](double a, double b) {
                       return !(a < b);  // catches NaN as well
                     }) == edges_.end();
  if (edges_.size() < 2 || !rises) {
    throw Error("bin edges that do not rise", "each bin needs a width above 0",
                "Give at least two edges, each larger than the one before.");
  }
  counts_.assign(edges_.size() - 1, 0);
}

int Histogram::find(double value) const {
  if (!(value >= edges_.front() && value <= edges_.back())) return -1;
  const auto above = std::upper_bound(edges_.begin(), edges_.end(), value);
  // The last bin is closed: its upper edge belongs to it.
  return std::min(static_cast<int>(above - edges_.begin()) - 1, bins() - 1);
}

void Histogram::merge(const Histogram& other) {
  check_same_edges(*this, other);
  for (std::size_t k = 0; k < counts_.size(); ++k) counts_[k] += other.counts_[k];
  in_range_ += other.in_range_;
  entries_ += other.entries_;
}

std::vector<double> Histogram::fractions() const {
  std::vector<double> result(counts_.size(), std::numeric_limits<double>::quiet_NaN());
  if (in_range_ == 0) return result;
  const double all = static_cast<double>(in_range_);
  for (std::size_t k = 0; k < counts_.size(); ++k) {
    result[k] = static_cast<double>(counts_[k]) / all;
  }
  return result;
}

std::vector<double> Histogram::densities() const {
  std::vector<double> result = fractions();
  for (std::size_t k = 0; k < result.size(); ++k) result[k] /= edges_[k + 1] - edges_[k];
  return result;
}

std::vector<double> Histogram::density_errors() const {
  std::vector<double> result = densities();
  for (std::size_t k = 0; k < result.size(); ++k) {
    // density / count * sqrt(count)
    if (counts_[k] > 0) result[k] /= std::sqrt(static_cast<double>(counts_[k]));
  }
  return result;
}

double separation_power(const Histogram& reference, const Histogram& sample) {
  check_same_edges(reference, sample);
  constexpr double regulator = 1e-16;  // the official code's: keeps bins that both leave empty at 0
  const std::vector<double> p = reference.fractions();
  const std::vector<double> q = sample.fractions();
  double sum = 0;
  for (std::size_t k = 0; k < p.size(); ++k) {
    const double difference = p[k] - q[k];
    sum += difference * difference / (p[k] + q[k] + regulator);
  }
  return 0.5 * sum;
}

SeparationFloor separation_floor(const Histogram& reference, const Histogram& sample) {
  check_same_edges(reference, sample);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (reference.in_range() == 0 || sample.in_range() == 0) return {nan, nan};
  const double scale = 0.25 * (1.0 / static_cast<double>(reference.in_range()) +
                               1.0 / static_cast<double>(sample.in_range()));
  const double degrees = occupied_bins(reference, sample) - 1;
  return {scale * degrees, scale * std::sqrt(2.0 * degrees)};
}

ChiSquare chi_square(const Histogram& reference, const Histogram& sample) {
  check_same_edges(reference, sample);
  if (reference.in_range() == 0 || sample.in_range() == 0) return {};
  const double ratio =
      std::sqrt(static_cast<double>(sample.in_range()) / static_cast<double>(reference.in_range()));
  ChiSquare result;
  for (std::size_t k = 0; k < reference.counts().size(); ++k) {
    const double n = static_cast<double>(reference.counts()[k]);
    const double m = static_cast<double>(sample.counts()[k]);
    if (n + m == 0) continue;
    const double difference = ratio * n - m / ratio;
    result.value += difference * difference / (n + m);
  }
  result.degrees = occupied_bins(reference, sample) - 1;
  return result;
}

}  // namespace moliere::calo
