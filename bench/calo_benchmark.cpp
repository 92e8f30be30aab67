// SPDX-License-Identifier: Apache-2.0
// What the evaluation of showers spends its time in. Observables: to be read against the memory
// bandwidth (4 bytes a voxel); distances: against the roofline of multiply-adds.
#include "moliere/calo/distances.hpp"
#include "moliere/calo/features.hpp"
#include "moliere/calo/neighbours.hpp"
#include "moliere/calo/observables.hpp"
#include "moliere/calo/separation.hpp"
#include "moliere/core/random.hpp"

#include <cmath>

#include <benchmark/benchmark.h>

namespace {
using namespace moliere;
using namespace moliere::calo;

constexpr double filled_share = 0.1;  // of the voxels of ds2, at 1 to 100 GeV

ShowerBatch made_showers(const Geometry& geometry, std::int64_t count, std::uint64_t seed) {
  RandomStream random(seed);
  ShowerBatch batch;
  batch.voxels = geometry.voxel_count();
  batch.energies.resize(static_cast<std::size_t>(count * batch.voxels));
  batch.incident_energies.assign(static_cast<std::size_t>(count), 1e4F);
  for (float& energy : batch.energies) {
    if (random.uniform() < filled_share) energy = static_cast<float>(std::exp(random.normal()));
  }
  return batch;
}

FeatureMatrix<double> made_features(std::int64_t rows, int columns, std::uint64_t seed) {
  RandomStream random(seed);
  FeatureMatrix<double> matrix;
  matrix.columns = columns;
  matrix.values.resize(static_cast<std::size_t>(rows * columns));
  for (double& value : matrix.values) value = random.normal();
  return matrix;
}

constexpr int ds2_features = 362;

void count_showers(benchmark::State& state, std::int64_t showers) {
  state.counters["showers/s"] = benchmark::Counter(
      static_cast<double>(showers * state.iterations()), benchmark::Counter::kIsRate);
}

void observables_ds2(benchmark::State& state) {
  const Geometry geometry = builtin_geometry("ds2");
  const ShowerBatch batch = made_showers(geometry, 1000, 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(observe(batch, geometry, static_cast<int>(state.range(0))));
  }
  count_showers(state, batch.size());
}
BENCHMARK(observables_ds2)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime();

void voxel_spectrum_ds2(benchmark::State& state) {
  const Geometry geometry = builtin_geometry("ds2");
  const ShowerBatch batch = made_showers(geometry, 1000, 1);
  const std::vector<double> edges = voxel_edges(geometry, observe(batch, geometry));
  for (auto _ : state) benchmark::DoNotOptimize(voxel_spectrum(batch, geometry, edges));
  count_showers(state, batch.size());
}
BENCHMARK(voxel_spectrum_ds2);

void comparisons_ds2(benchmark::State& state) {
  const Geometry geometry = builtin_geometry("ds2");
  const ShowerBatch batch = made_showers(geometry, 1000, 1);
  const Observables observed = observe(batch, geometry);
  const Histogram voxels = voxel_spectrum(batch, geometry, voxel_edges(geometry, observed));
  for (auto _ : state) {
    benchmark::DoNotOptimize(compare_observables(geometry, observed, observed, voxels, voxels));
  }
  count_showers(state, batch.size());
}
BENCHMARK(comparisons_ds2);

/// Two samples of the rows given, one thread: mean, covariance and cross term.
void frechet(benchmark::State& state) {
  const auto a = made_features(state.range(0), ds2_features, 1);
  const auto b = made_features(state.range(0), ds2_features, 2);
  for (auto _ : state) benchmark::DoNotOptimize(frechet_distance(a, b, 1));
  count_showers(state, 2 * state.range(0));
}
BENCHMARK(frechet)->ArgName("rows")->Arg(1000)->Arg(20000)->Unit(benchmark::kMillisecond);

void kernel_mmd(benchmark::State& state) {
  const auto a = made_features(state.range(0), ds2_features, 1);
  const auto b = made_features(state.range(0), ds2_features, 2);
  for (auto _ : state) benchmark::DoNotOptimize(unbiased_mmd(a, b, 1));
  // Two triangles and a square of products.
  const double pairs = 2.0 * static_cast<double>(state.range(0) * state.range(0));
  state.counters["FLOP/s"] =
      benchmark::Counter(2 * pairs * ds2_features * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}
BENCHMARK(kernel_mmd)->ArgName("rows")->Arg(4000)->Unit(benchmark::kMillisecond);

void prdc(benchmark::State& state, Arithmetic arithmetic) {
  const Geometry geometry = builtin_geometry("ds1-photons");
  const auto a = logarithmic_voxels(made_showers(geometry, state.range(0), 1), geometry);
  const auto b = logarithmic_voxels(made_showers(geometry, state.range(0), 2), geometry);
  SilentProgress silent;
  const NeighbourOptions options{.arithmetic = arithmetic, .threads = 1};
  for (auto _ : state) {
    benchmark::DoNotOptimize(precision_recall_density_coverage(a, b, 5, options, silent));
  }
  const double pairs = 2.0 * static_cast<double>(state.range(0) * state.range(0));
  state.counters["FLOP/s"] = benchmark::Counter(
      2 * pairs * geometry.voxel_count() * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(prdc, float64, Arithmetic::float64)->Arg(4000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(prdc, float32, Arithmetic::float32)->Arg(4000)->Unit(benchmark::kMillisecond);

}  // namespace
