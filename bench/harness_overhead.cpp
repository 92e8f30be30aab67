// SPDX-License-Identifier: Apache-2.0
// What the timing loop adds to one call: its own figures for a session that does nothing, with
// calls_per_sample as calibrated. It must stay below 20 ns a call, about 1 % of the shortest calls
// that are measured (2 us).
#include "moliere/worker/timing_loop.hpp"

#include <benchmark/benchmark.h>

namespace moliere::worker {
namespace {

constexpr double limit_ns = 20;
/// As long as the slices of a benchmark.
constexpr std::int64_t slice_ns = 20'000'000;
/// The protocol's default.
constexpr std::int64_t minimum_sample_ns = protocol::Calibrate{}.minimum_sample_ns;

class EmptySession final : public engine::Session {
 public:
  void bind(std::size_t, std::span<const engine::ConstTensorView>) override {}
  void run(std::size_t) override {}
  std::vector<engine::ConstTensorView> outputs() override { return {}; }
};

/// One iteration is one slice over 16 slots; `calls_per_sample` 0 stands for the calibrated number.
void slices(benchmark::State& state) {
  EmptySession session;
  StreamThreads threads(1);
  TimingLoop<> loop(threads, {&session}, 16);
  std::int64_t calls_per_sample = state.range(0);
  if (calls_per_sample == 0) calls_per_sample = loop.calibrate(minimum_sample_ns).calls_per_sample;

  std::int64_t calls = 0;
  double median_ns = 0;
  double mean_ns = 0;
  for (auto _ : state) {
    const protocol::Measured slice =
        loop.measure({.duration_ns = slice_ns, .calls_per_sample = calls_per_sample});
    calls += slice.calls;
    median_ns += slice.median_ns;
    mean_ns += slice.mean_ns;
  }
  const auto iterations = static_cast<double>(state.iterations());
  state.SetItemsProcessed(calls);
  state.counters["calls_per_sample"] = static_cast<double>(calls_per_sample);
  state.counters["median_ns_per_call"] = median_ns / iterations;
  state.counters["mean_ns_per_call"] = mean_ns / iterations;
  if (state.range(0) == 0 && median_ns / iterations >= limit_ns) {
    state.SkipWithError("the harness adds 20 ns or more to a call");
  }
}
// 1: what a call of more than 2.5 us, a sample of its own, carries: one reading of the clock.
BENCHMARK(slices)->ArgName("calls_per_sample")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void clock_reading(benchmark::State& state) {
  const SteadyClock clock;
  for (auto _ : state) benchmark::DoNotOptimize(clock.now_ns());
}
BENCHMARK(clock_reading);

}  // namespace
}  // namespace moliere::worker
