// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/distances.hpp"

#include "moliere/calo/detail/gram.hpp"
#include "moliere/calo/index.hpp"
#include "moliere/calo/parallel.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/random.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <Eigen/Cholesky>
#include <Eigen/SVD>

namespace moliere::calo {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using Rows = std::span<const std::uint32_t>;

void check(const FeatureMatrix<double>& reference, const FeatureMatrix<double>& sample) {
  if (reference.columns != sample.columns || reference.columns == 0) {
    throw Error(fmt::format("{} features against {}", reference.columns, sample.columns),
                "a distance needs the same features of both samples",
                "Compute both from one geometry.");
  }
  if (reference.rows() < 2 || sample.rows() < 2) {
    throw Error(fmt::format("{} showers against {}", reference.rows(), sample.rows()),
                "a distance of distributions needs at least two of each", "Give larger samples.");
  }
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!std::all_of(reference.values.begin(), reference.values.end(), finite) ||
      !std::all_of(sample.values.begin(), sample.values.end(), finite)) {
    throw Error("a feature that is no finite number", "every distance to it is undefined",
                "look at the files with `moliere showers validate`");
  }
}

std::vector<std::uint32_t> all_rows(const FeatureMatrix<double>& matrix) {
  std::vector<std::uint32_t> rows(at(matrix.rows()));
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

struct Gaussian {
  Vector mean;
  Matrix covariance;
};

/// Mean and covariance (N - 1) of chosen rows: two passes, so that a mean far from 0 costs no
/// digits.
Gaussian gaussian_of(const FeatureMatrix<double>& matrix, Rows rows) {
  const std::int64_t d = matrix.columns;
  const double n = static_cast<double>(rows.size());
  Gaussian result{Vector::Zero(d), Matrix::Zero(d, d)};
  for (const std::uint32_t row : rows) {
    result.mean += Eigen::Map<const Vector>(matrix.row(row).data(), d);
  }
  result.mean /= n;
  constexpr std::size_t block = 1024;  // some MB of rows at a time
  std::vector<double> deviations(block * at(d));
  for (std::size_t first = 0; first < rows.size(); first += block) {
    const std::size_t count = std::min(block, rows.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      Eigen::Map<Vector>(deviations.data() + i * at(d), d) =
          Eigen::Map<const Vector>(matrix.row(rows[first + i]).data(), d) - result.mean;
    }
    // Element (feature, shower): the product runs over showers.
    detail::add_symmetric_product<double, double>(
        d, static_cast<std::int64_t>(count), {deviations.data(), 1, d}, result.covariance.data());
  }
  // Row-major upper triangle is Eigen's (column-major) lower one.
  const Matrix covariance = result.covariance.selfadjointView<Eigen::Lower>();
  result.covariance = covariance / (n - 1);
  return result;
}

/// F with F F^T = `covariance`, which may be singular.
Matrix factor(const Matrix& covariance) {
  const Eigen::LDLT<Matrix> ldlt(covariance);
  const Vector roots = ldlt.vectorD().cwiseMax(0.0).cwiseSqrt();
  const Matrix lower = Matrix(ldlt.matrixL()) * roots.asDiagonal();
  return ldlt.transpositionsP().transpose() * lower;
}

/// With C1 = F1 F1^T and C2 = F2 F2^T the eigenvalues of C1 C2 are the squared singular values of
/// F1^T F2, so that tr (C1 C2)^(1/2) is their sum: no root of a rounding error is taken, which a
/// matrix square root of the product of near-singular covariances would do.
double frechet(const Gaussian& a, const Gaussian& b) {
  const Matrix product = factor(a.covariance).transpose() * factor(b.covariance);
  const double cross = Eigen::BDCSVD<Matrix>(product).singularValues().sum();
  return (a.mean - b.mean).squaredNorm() + a.covariance.trace() + b.covariance.trace() - 2 * cross;
}

double quartic_kernel(double product, double dimensions) {
  const double base = product / dimensions + 1;
  return base * base * base * base;
}

constexpr std::int64_t kernel_block = 256;  // a tile of products stays in the second cache

/// Sum of the kernel over all pairs of rows; with `same`, a row is not paired with itself.
double kernel_sum(const FeatureMatrix<double>& a, const FeatureMatrix<double>& b, bool same,
                  int threads) {
  const std::int64_t d = a.columns;
  const std::int64_t blocks_a = (a.rows() + kernel_block - 1) / kernel_block;
  const std::int64_t blocks_b = (b.rows() + kernel_block - 1) / kernel_block;
  std::vector<double> sums(at(blocks_a * blocks_b));  // added in order: the same for any threads
  for_each_task(sums.size(), threads, [&](std::size_t task, std::size_t) {
    const std::int64_t i = static_cast<std::int64_t>(task) / blocks_b * kernel_block;
    const std::int64_t j = static_cast<std::int64_t>(task) % blocks_b * kernel_block;
    if (same && j < i) return;
    const std::int64_t m = std::min(kernel_block, a.rows() - i);
    const std::int64_t n = std::min(kernel_block, b.rows() - j);
    std::vector<double> products(at(m * n));
    detail::multiply_transposed<double, double>(m, n, d, {a.row(i).data(), d}, {b.row(j).data(), d},
                                                products.data());
    double sum = 0;
    for (const double product : products) sum += quartic_kernel(product, static_cast<double>(d));
    for (std::int64_t k = 0; same && i == j && k < m; ++k) {
      sum -= quartic_kernel(products[at(k * n + k)], static_cast<double>(d));
    }
    sums[task] = same && j > i ? 2 * sum : sum;
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

double mmd(const FeatureMatrix<double>& x, const FeatureMatrix<double>& y, int threads) {
  const double m = static_cast<double>(x.rows());
  const double n = static_cast<double>(y.rows());
  return kernel_sum(x, x, true, threads) / (m * (m - 1)) +
         kernel_sum(y, y, true, threads) / (n * (n - 1)) -
         2 * kernel_sum(x, y, false, threads) / (m * n);
}

FeatureMatrix<double> gather(const FeatureMatrix<double>& matrix, Rows rows) {
  FeatureMatrix<double> chosen;
  chosen.columns = matrix.columns;
  chosen.values.reserve(rows.size() * at(matrix.columns));
  for (const std::uint32_t row : rows) {
    const std::span<const double> values = matrix.row(row);
    chosen.values.insert(chosen.values.end(), values.begin(), values.end());
  }
  return chosen;
}

/// numpy.percentile of sorted values: linear between neighbours.
double percentile(const std::vector<double>& sorted, double percent) {
  const double place = percent / 100 * static_cast<double>(sorted.size() - 1);
  const std::size_t low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return std::lerp(sorted[low], sorted[high], place - static_cast<double>(low));
}

void check_counts(std::int64_t size, std::int64_t batches) {
  if (size >= 2 && batches >= 1) return;
  throw Error(fmt::format("{} batches of {} showers", batches, size),
              "a distance needs a batch of at least two", "Ask for larger or more batches.");
}

}  // namespace

NormalisedPair normalise(const FeatureMatrix<double>& reference,
                         const FeatureMatrix<double>& sample) {
  check(reference, sample);
  std::vector<double> largest(at(reference.columns), 0.0);
  for (std::int64_t i = 0; i < reference.rows(); ++i) {
    const std::span<const double> row = reference.row(i);
    for (std::size_t c = 0; c < row.size(); ++c)
      largest[c] = std::max(largest[c], std::abs(row[c]));
  }
  NormalisedPair pair{reference, sample};
  for (FeatureMatrix<double>* matrix : {&pair.reference, &pair.sample}) {
    for (std::int64_t i = 0; i < matrix->rows(); ++i) {
      const std::span<double> row = matrix->row(i);
      for (std::size_t c = 0; c < row.size(); ++c) {
        if (largest[c] > 0) row[c] /= largest[c];
      }
    }
  }
  return pair;
}

double frechet_distance(const FeatureMatrix<double>& reference, const FeatureMatrix<double>& sample,
                        int threads) {
  check(reference, sample);
  Gaussian gaussians[2];
  const FeatureMatrix<double>* const matrices[] = {&reference, &sample};
  for_each_task(2, threads, [&](std::size_t i, std::size_t) {
    gaussians[i] = gaussian_of(*matrices[i], all_rows(*matrices[i]));
  });
  return frechet(gaussians[0], gaussians[1]);
}

double unbiased_mmd(const FeatureMatrix<double>& reference, const FeatureMatrix<double>& sample,
                    int threads) {
  check(reference, sample);
  return mmd(reference, sample, threads);
}

DrawRows philox_rows(std::int64_t reference_rows, std::int64_t sample_rows, std::uint64_t seed) {
  return [=](int size, int batch, std::span<std::uint32_t> reference,
             std::span<std::uint32_t> sample) {
    // A stream of its own for each batch: the draws do not depend on the order of the threads.
    RandomStream random(
        seed, (static_cast<std::uint64_t>(size) << 32) | static_cast<std::uint64_t>(batch));
    for (std::uint32_t& row : reference)
      row = random.below(static_cast<std::uint32_t>(reference_rows));
    for (std::uint32_t& row : sample) row = random.below(static_cast<std::uint32_t>(sample_rows));
  };
}

std::vector<std::int64_t> batch_sizes(const FrechetOptions& options) {
  check_counts(std::min(options.least, options.most), options.batches);
  const double first = 1.0 / static_cast<double>(options.least);
  const double last = 1.0 / static_cast<double>(options.most);
  const double step = options.sizes > 1 ? (last - first) / (options.sizes - 1) : 0.0;
  std::vector<std::int64_t> sizes;
  for (int i = 0; i < options.sizes; ++i) {
    const double inverse = i > 0 && i == options.sizes - 1 ? last : i * step + first;
    sizes.push_back(static_cast<std::int64_t>(1 / inverse));
  }
  return sizes;
}

Distance frechet_physics_distance(const FeatureMatrix<double>& reference,
                                  const FeatureMatrix<double>& sample,
                                  const FrechetOptions& options, Progress& progress,
                                  const DrawRows& draw) {
  const std::vector<std::int64_t> sizes = batch_sizes(options);
  const NormalisedPair pair = normalise(reference, sample);
  const DrawRows rows = draw ? draw : philox_rows(reference.rows(), sample.rows(), options.seed);
  const std::size_t batches = at(options.batches);
  std::vector<double> inverse, means;
  for (std::size_t s = 0; s < sizes.size(); ++s) {
    progress.update(static_cast<double>(s), static_cast<double>(sizes.size()), "FPD");
    std::vector<double> values(batches);
    for_each_task(batches, options.threads, [&](std::size_t batch, std::size_t) {
      std::vector<std::uint32_t> reference_rows(at(sizes[s]));
      std::vector<std::uint32_t> sample_rows(at(sizes[s]));
      rows(static_cast<int>(s), static_cast<int>(batch), reference_rows, sample_rows);
      values[batch] = frechet(gaussian_of(pair.reference, reference_rows),
                              gaussian_of(pair.sample, sample_rows));
    });
    inverse.push_back(1.0 / static_cast<double>(sizes[s]));
    means.push_back(std::accumulate(values.begin(), values.end(), 0.0) /
                    static_cast<double>(batches));
  }
  progress.update(1, 1, "FPD");
  return fit_intercept(inverse, means);
}

Distance kernel_physics_distance(const FeatureMatrix<double>& reference,
                                 const FeatureMatrix<double>& sample, const KernelOptions& options,
                                 Progress& progress, const DrawRows& draw) {
  check_counts(options.batch_size, options.batches);
  const NormalisedPair pair = normalise(reference, sample);
  const DrawRows rows = draw ? draw : philox_rows(reference.rows(), sample.rows(), options.seed);
  std::vector<std::uint32_t> reference_rows(at(options.batch_size));
  std::vector<std::uint32_t> sample_rows(at(options.batch_size));
  std::vector<double> values;
  for (int batch = 0; batch < options.batches; ++batch) {
    progress.update(batch, options.batches, "KPD");
    rows(0, batch, reference_rows, sample_rows);
    values.push_back(mmd(gather(pair.reference, reference_rows), gather(pair.sample, sample_rows),
                         options.threads));
  }
  progress.update(1, 1, "KPD");
  std::sort(values.begin(), values.end());
  constexpr double low = 16.275, high = 83.725;  // percent: about one standard deviation each way
  return {percentile(values, 50), 0.5 * (percentile(values, high) - percentile(values, low))};
}

Distance fit_intercept(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size() || x.size() < 3) {
    throw Error(fmt::format("a line through {} points", x.size()), "its error needs at least three",
                "Ask for more batch sizes.");
  }
  const double n = static_cast<double>(x.size());
  double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum_x += x[i];
    sum_y += y[i];
    sum_xx += x[i] * x[i];
    sum_xy += x[i] * y[i];
  }
  double spread = 0, covariance = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    spread += (x[i] - sum_x / n) * (x[i] - sum_x / n);
    covariance += (x[i] - sum_x / n) * (y[i] - sum_y / n);
  }
  double slope = covariance / spread;
  double intercept = (sum_y - slope * sum_x) / n;
  // Convex: with one unknown at its bound the other is its own best, unless that is below 0 too.
  if (slope < 0) {
    slope = 0;
    intercept = std::max(0.0, sum_y / n);
  } else if (intercept < 0) {
    intercept = 0;
    slope = std::max(0.0, sum_xy / sum_xx);
  }
  double residuals = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double residual = y[i] - intercept - slope * x[i];
    residuals += residual * residual;
  }
  return {intercept, std::sqrt(sum_xx / (n * spread) * residuals / (n - 2))};
}

}  // namespace moliere::calo
