// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/memorisation.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace moliere::calo {
namespace {

constexpr double percentile_share = 0.01;
constexpr std::size_t least_distances = 100;

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

double quantile(const std::vector<double>& sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const std::size_t low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (place - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

/// 0 / 0 is 1: copies on both sides are equally near.
double quotient(double a, double b) {
  if (b > 0) return a / b;
  return a > 0 ? std::numeric_limits<double>::infinity() : 1.0;
}

void resample(std::span<const double> values, RandomStream& random, std::vector<double>& out) {
  out.resize(values.size());
  for (double& value : out) value = values[random.below(static_cast<std::uint32_t>(values.size()))];
}

Interval ratio_interval(std::span<const double> generated, std::span<const double> held_out,
                        const MemorisationOptions& options) {
  RandomStream random(options.seed);
  std::vector<double> ratios, a, b;
  for (int i = 0; i < std::max(2, options.resamples); ++i) {
    resample(generated, random, a);
    resample(held_out, random, b);
    ratios.push_back(quotient(median(a), median(b)));
  }
  std::sort(ratios.begin(), ratios.end());
  return {quantile(ratios, 0.025), quantile(ratios, 0.975)};
}

/// Wilson, J. Am. Stat. Assoc. 22 (1927) 209, equation 2: right for shares near 0 as well.
Interval wilson(double share, double n) {
  constexpr double z = 1.959964;  // 95 %, two-sided
  const double centre = share + z * z / (2 * n);
  const double half = z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {(centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)};
}

MemorisationVerdict verdict_of(const Memorisation& result) {
  // A tenth of the showers where a hundredth belongs, or half the distance: no generator that
  // only smooths the training data does that.
  constexpr double copied_share = 10 * percentile_share;
  constexpr double copied_ratio = 0.5;
  // The percentile itself is an estimate: twice its share is beyond its own error.
  constexpr double near_share = 2 * percentile_share;
  if (result.share_interval.low > copied_share || result.ratio_interval.high < copied_ratio) {
    return MemorisationVerdict::memorised;
  }
  if (result.share_interval.low > near_share || result.ratio_interval.high < 1) {
    return MemorisationVerdict::nearer;
  }
  return MemorisationVerdict::none;
}

void check(std::span<const double> distances) {
  const bool finite = std::all_of(distances.begin(), distances.end(),
                                  [](double value) { return std::isfinite(value); });
  if (distances.size() >= least_distances && finite) return;
  throw Error(fmt::format("{} distances to the training data", distances.size()),
              fmt::format("the test needs at least {}, all finite", least_distances),
              "Give larger samples of generated and held-out showers.");
}

}  // namespace

std::string_view to_string(MemorisationVerdict verdict) {
  switch (verdict) {
    case MemorisationVerdict::none:
      return "none";
    case MemorisationVerdict::nearer:
      return "nearer";
    case MemorisationVerdict::memorised:
      break;
  }
  return "memorised";
}

Memorisation judge_memorisation(std::span<const double> generated, std::span<const double> held_out,
                                const MemorisationOptions& options) {
  check(generated);
  check(held_out);
  std::vector<double> a(generated.begin(), generated.end());
  std::vector<double> b(held_out.begin(), held_out.end());
  Memorisation result;
  result.generated_median = median(a);
  result.held_out_median = median(b);
  result.ratio = quotient(result.generated_median, result.held_out_median);
  result.ratio_interval = ratio_interval(generated, held_out, options);
  std::sort(b.begin(), b.end());
  result.near_distance = quantile(b, percentile_share);
  const auto near =
      std::count_if(a.begin(), a.end(), [&](double value) { return value < result.near_distance; });
  const double n = static_cast<double>(a.size());
  result.share_near = static_cast<double>(near) / n;
  result.share_interval = wilson(result.share_near, n);
  result.verdict = verdict_of(result);
  return result;
}

Memorisation memorisation(const FeatureMatrix<float>& generated, const FeatureMatrix<float>& train,
                          const FeatureMatrix<float>& held_out, const MemorisationOptions& options,
                          Progress& progress) {
  const std::vector<double> near =
      nearest_distances(generated, train, options.neighbours, progress);
  const std::vector<double> far = nearest_distances(held_out, train, options.neighbours, progress);
  return judge_memorisation(near, far, options);
}

}  // namespace moliere::calo
