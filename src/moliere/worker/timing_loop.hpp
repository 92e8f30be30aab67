// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/engine/engine.hpp"
#include "moliere/worker/counters.hpp"
#include "moliere/worker/marked.hpp"
#include "moliere/worker/protocol.hpp"
#include "moliere/worker/sample_buffer.hpp"
#include "moliere/worker/stream_threads.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace moliere::worker {

/// The clock of all measurements: CLOCK_MONOTONIC [ns]. A clock is copied freely; copies are one.
struct SteadyClock {
  std::int64_t now_ns() const noexcept {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
};

/// Goes round the slots of inputs.
class SlotCycle {
 public:
  SlotCycle(std::size_t slots, std::size_t first) : slots_(slots), next_(first % slots) {}
  std::size_t next() {
    const std::size_t slot = next_;
    next_ = slot + 1 == slots_ ? 0 : slot + 1;
    return slot;
  }

 private:
  std::size_t slots_;
  std::size_t next_;
};

/// Calls sessions and times them. Between the two readings of the clock that make a sample there
/// is nothing but Session::run and the choice of the slot.
template <class Clock = SteadyClock>
class TimingLoop {
 public:
  /// sessions[i] belongs to stream i of `threads`; both must live as long as this. All sessions
  /// have the slots 0 ... slots-1 bound. Stream i begins at slot i, and each slice goes on where
  /// the one before ended, so that slow models see all slots as well.
  TimingLoop(StreamThreads& threads, const std::vector<engine::Session*>& sessions,
             std::size_t slots, Clock clock = {});

  /// Warms all streams up and finds how many calls of the first take at least `minimum_sample_ns`.
  protocol::Calibrated calibrate(std::int64_t minimum_sample_ns);

  /// One slice; `denormals` is left to the caller. Rethrows what a session throws.
  protocol::Measured measure(const protocol::Measure& request);

 private:
  /// Warm-up: at least one call, then until so much time has passed. Long enough for caches and
  /// for a core to leave its idle clock, short beside any slice plan.
  static constexpr std::int64_t warm_up_ns = 10'000'000;
  /// Estimates of a call's time while calibrating: the fastest of so many is taken.
  static constexpr int calibration_repeats = 5;
  /// Calibrated samples are aimed this much longer than asked for, so that noise in the estimate
  /// does not make them shorter.
  static constexpr double calibration_margin = 1.1;

  struct Stream {
    engine::Session* session;
    SlotCycle slots;
    SampleBuffer samples;
    std::int64_t end_ns = 0;
  };

  struct Interval {
    std::int64_t begin_ns;
    std::int64_t end_ns;
    std::int64_t length_ns() const { return end_ns - begin_ns; }
  };

  /// The timed region: the only place where sessions are called.
  Interval time_calls(Stream& stream, std::int64_t calls);
  void warm_up(Stream& stream);
  std::int64_t fastest(Stream& stream, std::int64_t calls);
  /// Samples one stream until the slice that began at `start_ns` is over, or, for max_calls > 0,
  /// for exactly that many calls.
  void run_slice(Stream& stream, const protocol::Measure& request, std::int64_t max_calls,
                 std::int64_t start_ns);

  StreamThreads& threads_;
  Clock clock_;
  std::vector<Stream> streams_;
};

/// The samples of all streams of one slice as one.
protocol::Measured summarise(const std::vector<const SampleBuffer*>& streams, std::size_t keep);

/// Cost of reading the steady clock once [ns]: the fastest of several runs of many readings.
double measure_clock_ns();

/// What the timing loop adds to one call [ns]: its figure for an empty session, with as many calls
/// in a sample as calibration finds.
double measure_overhead_ns(std::int64_t minimum_sample_ns);

template <class Clock>
TimingLoop<Clock>::TimingLoop(StreamThreads& threads, const std::vector<engine::Session*>& sessions,
                              std::size_t slots, Clock clock)
    : threads_(threads), clock_(clock) {
  for (engine::Session* session : sessions) {
    streams_.push_back({session, SlotCycle(slots, streams_.size()), SampleBuffer()});
  }
}

template <class Clock>
auto TimingLoop<Clock>::time_calls(Stream& stream, std::int64_t calls) -> Interval {
  engine::Session& session = *stream.session;
  SlotCycle slots = stream.slots;
  const std::int64_t begin_ns = clock_.now_ns();
  for (std::int64_t call = 0; call < calls; ++call) session.run(slots.next());
  const std::int64_t end_ns = clock_.now_ns();
  stream.slots = slots;
  return {begin_ns, end_ns};
}

template <class Clock>
void TimingLoop<Clock>::warm_up(Stream& stream) {
  std::int64_t elapsed = 0;
  do {
    elapsed += std::max<std::int64_t>(time_calls(stream, 1).length_ns(), 1);
  } while (elapsed < warm_up_ns);
}

template <class Clock>
std::int64_t TimingLoop<Clock>::fastest(Stream& stream, std::int64_t calls) {
  std::int64_t best = time_calls(stream, calls).length_ns();
  std::int64_t total = best;
  for (int repeat = 1; repeat < calibration_repeats && total < warm_up_ns; ++repeat) {
    const std::int64_t elapsed = time_calls(stream, calls).length_ns();
    best = std::min(best, elapsed);
    total += elapsed;
  }
  return best;
}

template <class Clock>
protocol::Calibrated TimingLoop<Clock>::calibrate(std::int64_t minimum_sample_ns) {
  // A sample of more calls than this is not asked for: a call cannot be faster than a nanosecond.
  const std::int64_t most_calls = std::max<std::int64_t>(minimum_sample_ns, 1);
  protocol::Calibrated result;
  threads_.run_all([&](std::size_t stream) { warm_up(streams_[stream]); });
  threads_.run_one(0, [&](std::size_t) {
    std::int64_t calls = 1;
    std::int64_t elapsed = fastest(streams_[0], calls);
    while (elapsed < minimum_sample_ns && calls < most_calls) {
      const double factor = calibration_margin * static_cast<double>(minimum_sample_ns) /
                            static_cast<double>(std::max<std::int64_t>(elapsed, 1));
      // The first estimates hold mostly the clock's own cost: approach in steps.
      const double step = std::clamp(factor, calibration_margin, 10.0);
      calls = std::min(most_calls,
                       static_cast<std::int64_t>(std::ceil(static_cast<double>(calls) * step)));
      elapsed = fastest(streams_[0], calls);
    }
    result.calls_per_sample = calls;
    result.call_ns = static_cast<double>(elapsed) / static_cast<double>(calls);
  });
  return result;
}

template <class Clock>
void TimingLoop<Clock>::run_slice(Stream& stream, const protocol::Measure& request,
                                  std::int64_t max_calls, std::int64_t start_ns) {
  std::int64_t calls_left = max_calls;
  while (true) {
    const std::int64_t calls =
        max_calls == 0 ? request.calls_per_sample : std::min(request.calls_per_sample, calls_left);
    const Interval sample = time_calls(stream, calls);
    stream.samples.add(sample.length_ns(), calls);
    stream.end_ns = sample.end_ns;
    calls_left -= calls;
    const bool time_is_up = sample.end_ns - start_ns >= request.duration_ns;
    if (max_calls == 0 ? time_is_up : calls_left == 0) return;
  }
}

template <class Clock>
protocol::Measured TimingLoop<Clock>::measure(const protocol::Measure& request) {
  // Shorter samples than this are not calibrated ones; they only meet page faults between them.
  constexpr std::int64_t shortest_sample_ns = 2000;
  const std::int64_t expected = request.max_calls != 0
                                    ? request.max_calls / request.calls_per_sample + 1
                                    : request.duration_ns / shortest_sample_ns + 1;
  for (Stream& stream : streams_) stream.samples.start(static_cast<std::size_t>(expected));

  const std::size_t streams = streams_.size();
  const auto share = [&](std::size_t stream) {
    const auto count = static_cast<std::int64_t>(streams);
    return request.max_calls / count +
           (static_cast<std::int64_t>(stream) < request.max_calls % count ? 1 : 0);
  };
  const std::int64_t threads_before = thread_count();
  Counters before;
  Counters after;
  std::int64_t start_ns = 0;
  std::barrier start(static_cast<std::ptrdiff_t>(streams), [&]() noexcept {
    before = Counters::now();
    start_ns = clock_.now_ns();
  });
  std::atomic<std::size_t> running = streams;
  threads_.run_all([&](std::size_t index) {
    Stream& stream = streams_[index];
    const std::int64_t calls = share(index);
    start.arrive_and_wait();
    stream.end_ns = start_ns;
    auto slice = [&] { run_slice(stream, request, calls, start_ns); };
    if (request.max_calls == 0) {
      slice();
    } else if (calls > 0) {
      const auto run = [](void* context) { (*static_cast<decltype(slice)*>(context))(); };
      moliere_marked_inferences(run, &slice);
    }
    if (running.fetch_sub(1) == 1) after = Counters::now();
  });

  std::vector<const SampleBuffer*> samples;
  std::int64_t end_ns = start_ns;
  for (const Stream& stream : streams_) {
    samples.push_back(&stream.samples);
    end_ns = std::max(end_ns, stream.end_ns);
  }
  protocol::Measured result = summarise(samples, request.keep);
  const Counters used = after - before;
  result.wall_ns = end_ns - start_ns;
  result.cpu_ns = used.cpu_ns;
  result.voluntary_switches = used.voluntary_switches;
  result.involuntary_switches = used.involuntary_switches;
  result.page_faults = used.page_faults;
  result.threads = std::max(threads_before, thread_count());
  return result;
}

}  // namespace moliere::worker
