// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/timing_loop.hpp"

#include <atomic>
#include <functional>
#include <numeric>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::worker {
namespace {
using testing::ElementsAre;

/// Time goes on only when somebody says so.
struct FakeClock {
  struct State {
    std::atomic<std::int64_t> now_ns = 1000;
    std::atomic<std::int64_t> readings = 0;
  };
  State* state;
  std::int64_t now_ns() const noexcept {
    ++state->readings;
    return state->now_ns;
  }
};

/// Notes the slots that it was called for; a call lasts as long as `cost_of` says.
class FakeSession final : public engine::Session {
 public:
  FakeSession(FakeClock clock, std::function<std::int64_t(std::size_t)> cost_of)
      : clock_(clock), cost_of_(std::move(cost_of)) {}
  void bind(std::size_t, std::span<const engine::ConstTensorView>) override {}
  void run(std::size_t slot) override {
    slots.push_back(slot);
    clock_.state->now_ns += cost_of_(slot);
  }
  std::vector<engine::ConstTensorView> outputs() override { return {}; }

  std::vector<std::size_t> slots;

 private:
  FakeClock clock_;
  std::function<std::int64_t(std::size_t)> cost_of_;
};

struct OneStream {
  FakeClock::State time;
  FakeClock clock{&time};
  StreamThreads threads{1};
  FakeSession session;
  TimingLoop<FakeClock> loop;

  OneStream(std::size_t slots, std::function<std::int64_t(std::size_t)> cost_of)
      : session(clock, std::move(cost_of)), loop(threads, {&session}, slots, clock) {}
};

TEST(TimingLoop, GoesRoundTheSlotsAndOnInTheNextSlice) {
  OneStream it(3, [](std::size_t) { return 10; });
  it.loop.measure({.duration_ns = 40});
  it.loop.measure({.duration_ns = 20});
  EXPECT_THAT(it.session.slots, ElementsAre(0, 1, 2, 0, 1, 2));
}

TEST(TimingLoop, ReportsTheTimesOfTheCalls) {
  OneStream it(4, [](std::size_t slot) { return slot == 3 ? 100 : 10; });
  const protocol::Measured slice = it.loop.measure({.duration_ns = 260});
  EXPECT_EQ(slice.calls, 8);
  EXPECT_EQ(slice.samples, 8);
  EXPECT_EQ(slice.wall_ns, 260);
  EXPECT_EQ(slice.min_ns, 10);
  EXPECT_EQ(slice.median_ns, 10);
  EXPECT_EQ(slice.mean_ns, 32.5);
  EXPECT_EQ(slice.max_ns, 100);
  EXPECT_THAT(slice.kept_ns, ElementsAre(10, 10, 10, 100, 10, 10, 10, 100));
  EXPECT_EQ(slice.threads, thread_count());
  EXPECT_EQ(it.loop.measure({.duration_ns = 260, .keep = 3}).kept_ns.size(), 3U);
}

TEST(TimingLoop, TakesOneSampleAtLeast) {
  OneStream it(1, [](std::size_t) { return 10; });
  EXPECT_EQ(it.loop.measure({.duration_ns = 0}).samples, 1);
  EXPECT_EQ(it.loop.measure({.duration_ns = -5}).samples, 1);
}

TEST(TimingLoop, ASampleIsSeveralCallsAndTwoReadingsOfTheClock) {
  OneStream it(3, [](std::size_t slot) { return slot == 0 ? 40 : 10; });
  const std::int64_t readings_before = it.time.readings;
  const protocol::Measured slice = it.loop.measure({.duration_ns = 100, .calls_per_sample = 3});
  EXPECT_EQ(slice.calls, 6);
  EXPECT_EQ(slice.samples, 2);
  EXPECT_EQ(slice.min_ns, 20);
  EXPECT_EQ(slice.max_ns, 20);
  EXPECT_EQ(it.time.readings - readings_before, 1 + 2 * 2) << "the common start, and the samples";
}

TEST(TimingLoop, MaxCallsIsExact) {
  OneStream it(3, [](std::size_t) { return 10; });
  const protocol::Measured slice =
      it.loop.measure({.duration_ns = 1, .calls_per_sample = 4, .max_calls = 10});
  EXPECT_EQ(slice.calls, 10);
  EXPECT_EQ(slice.samples, 3);
  EXPECT_EQ(it.session.slots.size(), 10U);
  EXPECT_EQ(slice.mean_ns, 10);
  EXPECT_EQ(slice.max_ns, 10) << "the last sample is of two calls only";
}

TEST(TimingLoop, CalibrationMakesSamplesLongEnoughAndNotMuchLonger) {
  for (const std::int64_t cost : {1, 7, 100, 900, 2499}) {
    OneStream it(2, [&](std::size_t) { return cost; });
    const protocol::Calibrated found = it.loop.calibrate(2500);
    EXPECT_GE(found.calls_per_sample * cost, 2500) << cost;
    EXPECT_LE(found.calls_per_sample * cost, 2500 * 2) << cost;
    EXPECT_EQ(found.call_ns, static_cast<double>(cost));
  }
}

TEST(TimingLoop, LongCallsAreSamplesOfTheirOwnAndCalibratedInFew) {
  OneStream it(2, [](std::size_t) { return 1'000'000'000; });
  EXPECT_EQ(it.loop.calibrate(2500).calls_per_sample, 1);
  EXPECT_LE(it.session.slots.size(), 2U) << "a call of a second is not repeated for nothing";
}

TEST(TimingLoop, CallsThatTakeNoTimeDoNotHangTheCalibration) {
  OneStream it(1, [](std::size_t) { return 1; });
  it.time.now_ns = 0;
  OneStream still(1, [](std::size_t) { return 0; });
  EXPECT_LE(still.loop.calibrate(100).calls_per_sample, 100);
}

/// Several streams over one clock.
struct Streams {
  FakeClock::State time;
  FakeClock clock{&time};
  StreamThreads threads;
  std::vector<std::unique_ptr<FakeSession>> sessions;
  std::unique_ptr<TimingLoop<FakeClock>> loop;

  Streams(std::size_t streams, std::size_t slots, std::function<std::int64_t(std::size_t)> cost_of)
      : threads(streams) {
    std::vector<engine::Session*> pointers;
    for (std::size_t i = 0; i < streams; ++i) {
      sessions.push_back(std::make_unique<FakeSession>(clock, cost_of));
      pointers.push_back(sessions.back().get());
    }
    loop = std::make_unique<TimingLoop<FakeClock>>(threads, pointers, slots, clock);
  }
};

TEST(TimingLoopStreams, StartTogether) {
  std::atomic<int> inside = 0;
  Streams it(3, 1, [&](std::size_t) {
    ++inside;
    // Nobody's first call ends before everybody's has begun.
    while (inside.load() < 3) std::this_thread::yield();
    return 10;
  });
  const protocol::Measured slice = it.loop->measure({.duration_ns = 0});
  EXPECT_EQ(slice.calls, 3);
  EXPECT_EQ(slice.samples, 3);
  EXPECT_EQ(slice.threads, thread_count());
  EXPECT_GE(slice.threads, 4) << "three streams and the caller";
}

TEST(TimingLoopStreams, EachSeesAllSlotsAndBeginsAtItsOwn) {
  Streams it(3, 4, [](std::size_t) { return 10; });
  it.loop->measure({.max_calls = 12});
  EXPECT_THAT(it.sessions[0]->slots, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(it.sessions[1]->slots, ElementsAre(1, 2, 3, 0));
  EXPECT_THAT(it.sessions[2]->slots, ElementsAre(2, 3, 0, 1));
}

TEST(TimingLoopStreams, ShareMaxCallsExactly) {
  Streams it(3, 2, [](std::size_t) { return 10; });
  EXPECT_EQ(it.loop->measure({.max_calls = 7}).calls, 7);
  EXPECT_EQ(it.sessions[0]->slots.size(), 3U);
  EXPECT_EQ(it.sessions[2]->slots.size(), 2U);
  EXPECT_EQ(it.loop->measure({.max_calls = 2}).calls, 2) << "fewer calls than streams";
  EXPECT_EQ(it.sessions[2]->slots.size(), 2U);
}

TEST(TimingLoopStreams, AFailureReachesTheCallerAndTheNextSliceWorks) {
  std::atomic<bool> fail = true;
  Streams it(3, 3, [&](std::size_t slot) -> std::int64_t {
    if (slot == 1 && fail.exchange(false)) throw std::runtime_error("engine failed");
    return 10;
  });
  EXPECT_THROW(it.loop->measure({.max_calls = 9}), std::runtime_error);
  EXPECT_EQ(it.loop->measure({.max_calls = 9}).calls, 9);
}

TEST(Overhead, IsMeasured) {
  EXPECT_GT(measure_clock_ns(), 0);
  EXPECT_GT(measure_overhead_ns(2500), 0);
}

}  // namespace
}  // namespace moliere::worker
