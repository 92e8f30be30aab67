// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/response.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace moliere::calo {
namespace {

/// Mean and variance of a stream (Welford).
struct Mean {
  double count = 0;
  double mean = 0;
  double squares = 0;

  void add(double value) {
    ++count;
    const double deviation = value - mean;
    mean += deviation / count;
    squares += deviation * (value - mean);
  }
  double variance_of_mean() const { return squares / (count - 1) / count; }
};

Mean mean_of(const std::vector<float>& values) {
  Mean mean;
  for (const float value : values) mean.add(static_cast<double>(value));
  return mean;
}

/// Upper ends (included) of ranges with about equal numbers of showers of both samples.
std::vector<float> range_ends(const Observables& reference, const Observables& sample, int ranges) {
  std::vector<float> energies = reference.incident_energy;
  energies.insert(energies.end(), sample.incident_energy.begin(), sample.incident_energy.end());
  std::sort(energies.begin(), energies.end());
  std::vector<float> ends;
  for (int i = 1; i <= ranges; ++i) {
    const std::size_t last =
        energies.size() * static_cast<std::size_t>(i) / static_cast<std::size_t>(ranges);
    if (last > 0) ends.push_back(energies[last - 1]);
  }
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

std::vector<Mean> means_in(const std::vector<float>& ends, const Observables& observables,
                           const std::vector<float>& response) {
  std::vector<Mean> means(ends.size());
  for (std::size_t i = 0; i < response.size(); ++i) {
    const auto range =
        std::lower_bound(ends.begin(), ends.end(), observables.incident_energy[i]) - ends.begin();
    means[static_cast<std::size_t>(range)].add(static_cast<double>(response[i]));
  }
  return means;
}

/// 0 where both are 0: equal samples do not differ.
double deviations(double difference, double variance) {
  return difference == 0 ? 0.0 : difference / std::sqrt(variance);
}

}  // namespace

ResponseTest test_response(const Observables& reference, const Observables& sample, int ranges) {
  if (reference.size() < 2 || sample.size() < 2 || ranges < 1) {
    throw Error(
        fmt::format("a mean response of {} and {} showers", reference.size(), sample.size()),
        "its error needs at least two of each", "Give larger samples.");
  }
  const std::vector<float> reference_response = reference.response();
  const std::vector<float> sample_response = sample.response();
  const Mean a = mean_of(reference_response);
  const Mean b = mean_of(sample_response);
  ResponseTest test;
  test.reference_mean = a.mean;
  test.reference_error = std::sqrt(a.variance_of_mean());
  test.sample_mean = b.mean;
  test.sample_error = std::sqrt(b.variance_of_mean());
  test.z = deviations(b.mean - a.mean, a.variance_of_mean() + b.variance_of_mean());

  const std::vector<float> ends = range_ends(reference, sample, ranges);
  const std::vector<Mean> in_reference = means_in(ends, reference, reference_response);
  const std::vector<Mean> in_sample = means_in(ends, sample, sample_response);
  double weights = 0, sum = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (in_reference[i].count < 2 || in_sample[i].count < 2) continue;
    const double variance = in_reference[i].variance_of_mean() + in_sample[i].variance_of_mean();
    if (variance <= 0) continue;
    weights += 1 / variance;
    sum += (in_sample[i].mean - in_reference[i].mean) / variance;
  }
  if (weights > 0) {
    test.shift_at_energy = sum / weights;
    test.z_at_energy = sum / std::sqrt(weights);
  }
  return test;
}

}  // namespace moliere::calo
