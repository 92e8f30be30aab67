// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace moliere::calo {

/// `bins` + 1 edges as numpy.linspace makes them: i * step + low, the last one `high` itself.
/// Throws Error unless low < high, both finite, and bins > 0.
std::vector<double> linear_edges(double low, double high, int bins);

/// `bins` + 1 edges 10^x, x linear from log10(low) to log10(high), as numpy.logspace makes them
/// from a float32 maximum: log10(high) is rounded to float32, so that the last edge may lie some
/// 1e-7 beside `high` and the largest entry may fall out. Throws Error unless 0 < low < high,
/// finite.
std::vector<double> logarithmic_edges(double low, float high, int bins);

/// Counts in bins [low, high), the last one closed on both sides; what lies outside, or is no
/// number, is counted in `entries()` alone.
class Histogram {
 public:
  /// Throws Error for fewer than two edges or edges that do not rise.
  explicit Histogram(std::vector<double> edges);

  void add(double value) {
    ++entries_;
    const int bin = find(value);
    if (bin < 0) return;
    ++counts_[static_cast<std::size_t>(bin)];
    ++in_range_;
  }
  template <class T>
  void add(std::span<const T> values) {
    for (const T value : values) add(static_cast<double>(value));
  }
  /// Adds the counts of `other`; throws Error when its edges differ.
  void merge(const Histogram& other);

  int bins() const { return static_cast<int>(counts_.size()); }
  const std::vector<double>& edges() const { return edges_; }
  const std::vector<std::int64_t>& counts() const { return counts_; }
  std::int64_t in_range() const { return in_range_; }
  /// All that was added, outside the range too.
  std::int64_t entries() const { return entries_; }
  /// Counts over in_range() (K); all NaN when nothing is in range.
  std::vector<double> fractions() const;
  /// Density: fraction over bin width (K), and its statistical error sqrt(count) scaled alike.
  std::vector<double> densities() const;
  std::vector<double> density_errors() const;

 private:
  /// Bin of a value, -1 outside.
  int find(double value) const;

  std::vector<double> edges_;
  std::vector<std::int64_t> counts_;
  std::int64_t in_range_ = 0;
  std::int64_t entries_ = 0;
};

/// S = 1/2 sum_k (p_k - q_k)^2 / (p_k + q_k + 1e-16) of the fractions p and q: 0 for equal shapes,
/// 1 for disjoint ones; NaN when one has nothing in range (Diefenbacher et al., arXiv:2009.03796,
/// equation 15, with the CaloChallenge's regulator). Throws Error when the edges differ.
double separation_power(const Histogram& reference, const Histogram& sample);

/// What the separation power is when both histograms are drawn from one distribution.
struct SeparationFloor {
  double mean = 0;
  double standard_deviation = 0;
};
/// With K bins that hold an entry of either and N, M entries in range, all independent:
/// E[S] = (K - 1) (1/N + 1/M) / 4, which is (K - 1) / (2N) at N = M; standard deviation of a
/// chi-square of K - 1 degrees scaled alike. At N = M the mean is exact for sparse bins too.
/// Entries of one shower (the voxel spectrum) are not independent: there the floor is too low.
SeparationFloor separation_floor(const Histogram& reference, const Histogram& sample);

/// Two histograms' shapes compared with the statistical errors of both.
struct ChiSquare {
  double value = 0;
  int degrees = 0;  ///< bins that hold an entry, less one for the common normalisation
  double per_degree() const { return value / degrees; }
};
/// chi2 = sum_k (sqrt(M/N) n_k - sqrt(N/M) m_k)^2 / (n_k + m_k) over bins with an entry
/// (Porter, arXiv:0804.0380, section 4, "chi2 test for shape"). 0 with 0 degrees when one is empty.
ChiSquare chi_square(const Histogram& reference, const Histogram& sample);

}  // namespace moliere::calo
