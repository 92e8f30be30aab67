// SPDX-License-Identifier: Apache-2.0
// The kernels of the roofline, one by one. To be read against the processor's data sheet:
// multiply_add: clock x multiply-add units x lanes x 2 [FLOP/s]; sum: clock x loads x vector bytes
// from the first cache level, less from each level beyond.
#include "moliere/bench/roofline.hpp"

#include "moliere/bench/calibration_kernel.hpp"
#include "moliere/bench/machine.hpp"
#include "moliere/bench/roofline_kernels.hpp"

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

namespace {
using namespace moliere::bench;

void multiply_add(benchmark::State& state, const VectorPath& path) {
  constexpr std::int64_t steps = 100'000;
  for (auto _ : state) benchmark::DoNotOptimize(path.multiply_add(steps, 0.5F, 0.5F));
  const double flops = static_cast<double>(path.flops_per_step) * static_cast<double>(steps) *
                       static_cast<double>(state.iterations());
  state.counters["FLOP/s"] = benchmark::Counter(flops, benchmark::Counter::kIsRate);
}

void sum(benchmark::State& state, const VectorPath& path, std::int64_t bytes) {
  constexpr std::size_t alignment = 64;
  const auto count = static_cast<std::size_t>(bytes) / sizeof(std::uint32_t);
  std::vector<std::uint32_t> memory(count + alignment / sizeof(std::uint32_t), 1U);
  void* data = memory.data();
  std::size_t space = memory.size() * sizeof(std::uint32_t);
  std::align(alignment, static_cast<std::size_t>(bytes), data, space);
  const std::span<const std::uint32_t> values(static_cast<const std::uint32_t*>(data), count);
  // At least a MiB for each reading of the clock.
  const std::int64_t passes = std::max<std::int64_t>(1, (1 << 20) / bytes);
  for (auto _ : state) benchmark::DoNotOptimize(path.sum(values, passes));
  state.SetBytesProcessed(state.iterations() * bytes * passes);
}

void calibration_kernel(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(calibration_kernel_ns());
}
BENCHMARK(calibration_kernel)->Unit(benchmark::kMillisecond);

/// Which paths and levels there are is known at run time only.
const bool registered = [] {
  for (const VectorPath& path : vector_paths()) {
    benchmark::RegisterBenchmark(fmt::format("multiply_add/{}", path.instruction_set).c_str(),
                                 multiply_add, path);
    for (const MemoryLevel& level : memory_levels(describe_machine(), 1)) {
      benchmark::RegisterBenchmark(
          fmt::format("sum/{}/{}", path.instruction_set, level.name).c_str(), sum, path,
          level.buffer_bytes_per_thread);
    }
  }
  return true;
}();

}  // namespace
