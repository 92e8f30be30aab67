// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/timing_loop.hpp"

#include <limits>

namespace moliere::worker {
namespace {

/// Does nothing, behind the same virtual call as every engine.
class EmptySession final : public engine::Session {
 public:
  void bind(std::size_t, std::span<const engine::ConstTensorView>) override {}
  void run(std::size_t) override {}
  std::vector<engine::ConstTensorView> outputs() override { return {}; }
};

}  // namespace

protocol::Measured summarise(const std::vector<const SampleBuffer*>& streams, std::size_t keep) {
  protocol::Measured result;
  result.min_ns = std::numeric_limits<double>::infinity();
  std::int64_t total_ns = 0;
  std::vector<double> all;
  for (const SampleBuffer* stream : streams) {
    result.calls += stream->calls();
    result.samples += static_cast<std::int64_t>(stream->count());
    result.min_ns = std::min(result.min_ns, stream->min_ns());
    result.max_ns = std::max(result.max_ns, stream->max_ns());
    total_ns += stream->total_ns();
    all.insert(all.end(), stream->samples().begin(), stream->samples().end());
  }
  if (result.calls > 0) {
    result.mean_ns = static_cast<double>(total_ns) / static_cast<double>(result.calls);
  }
  result.kept_ns = thin(all, keep);
  result.median_ns = median(std::move(all));
  return result;
}

double measure_clock_ns() {
  constexpr int readings = 1000;
  constexpr int runs = 10;
  const SteadyClock clock;
  double best = std::numeric_limits<double>::infinity();
  for (int run = 0; run < runs; ++run) {
    const std::int64_t first = clock.now_ns();
    std::int64_t last = first;
    for (int reading = 0; reading < readings; ++reading) last = clock.now_ns();
    best = std::min(best, static_cast<double>(last - first) / readings);
  }
  return best;
}

double measure_overhead_ns(std::int64_t minimum_sample_ns) {
  // Long enough for some hundred samples, short beside a worker's start.
  constexpr std::int64_t slice_ns = 2'000'000;
  EmptySession session;
  StreamThreads threads(1);
  TimingLoop<> loop(threads, {&session}, 1);
  const std::int64_t calls = loop.calibrate(minimum_sample_ns).calls_per_sample;
  return loop.measure({.duration_ns = slice_ns, .calls_per_sample = calls}).median_ns;
}

}  // namespace moliere::worker
