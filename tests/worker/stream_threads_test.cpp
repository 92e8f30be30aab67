// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/stream_threads.hpp"

#include "moliere/worker/counters.hpp"

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>

namespace moliere::worker {
namespace {

std::vector<std::thread::id> ids_of_run_all(StreamThreads& threads) {
  std::vector<std::thread::id> ids(threads.size());
  threads.run_all([&](std::size_t stream) { ids[stream] = std::this_thread::get_id(); });
  return ids;
}

TEST(StreamThreads, ASingleStreamIsTheCaller) {
  StreamThreads threads(1);
  EXPECT_EQ(ids_of_run_all(threads)[0], std::this_thread::get_id());
}

TEST(StreamThreads, EachStreamKeepsAThreadOfItsOwn) {
  StreamThreads threads(3);
  const auto ids = ids_of_run_all(threads);
  EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 3U);
  EXPECT_EQ(ids_of_run_all(threads), ids);
  std::thread::id id_of_one;
  threads.run_one(2, [&](std::size_t stream) {
    EXPECT_EQ(stream, 2U);
    id_of_one = std::this_thread::get_id();
  });
  EXPECT_EQ(id_of_one, ids[2]);
}

TEST(StreamThreads, RunAllRunsAtTheSameTime) {
  StreamThreads threads(3);
  std::atomic<int> arrived = 0;
  threads.run_all([&](std::size_t) {
    ++arrived;
    // Ends only if all three are in here together.
    while (arrived.load() < 3) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 3);
}

TEST(StreamThreads, ExceptionsReachTheCallerAndTheThreadsLiveOn) {
  for (const std::size_t streams : {1U, 3U}) {
    StreamThreads threads(streams);
    std::atomic<std::size_t> ended = 0;
    EXPECT_THROW(threads.run_all([&](std::size_t stream) {
      ++ended;
      if (stream == streams - 1) throw std::runtime_error("no");
    }),
                 std::runtime_error);
    EXPECT_EQ(ended, streams);
    EXPECT_THROW(threads.run_one(0, [](std::size_t) { throw 1; }), int);
    EXPECT_NO_THROW(threads.run_all([](std::size_t) {}));
  }
}

TEST(StreamThreads, IdleThreadsUseNoProcessorTime) {
  StreamThreads threads(4);
  threads.run_all([](std::size_t) {});
  const Counters before = Counters::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  // Four spinning threads would use 100 ms of each processor there is.
  EXPECT_LT((Counters::now() - before).cpu_ns, 10'000'000);
}

TEST(Counters, SeeWorkAndThreads) {
  const Counters before = Counters::now();
  EXPECT_GE(thread_count(), 1);
  StreamThreads threads(3);
  EXPECT_GE(thread_count(), 4);
  for (int i = 0; i < 5; ++i) threads.run_all([](std::size_t) {});
  const Counters used = Counters::now() - before;
  EXPECT_GT(used.cpu_ns, 0);
  EXPECT_GT(used.voluntary_switches, 0);
}

}  // namespace
}  // namespace moliere::worker
