// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/roofline.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <limits>

#include "bench/made_system.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::bench {
namespace {
namespace fs = std::filesystem;

constexpr std::int64_t mib = 1024 * kib;

Roofline made_roofline() {
  return {.threads = 2,
          .flops_f32_per_s = 1e9,
          .instruction_set = "made",
          .bandwidths = {{"L1", 100, 4e9, 50}, {"L2", 1000, 2e9, 500}, {"DRAM", 10000, 1e9, 5000}}};
}

TEST(RooflineLimit, ArithmeticBinds) {
  const Limit limit = roofline_limit(made_roofline(), 2'000'000, 80, 100);
  EXPECT_EQ(limit, (Limit{.seconds = 2e-3, .bound_by_arithmetic = true, .level = "L1"}));
}

TEST(RooflineLimit, BytesBindWithTheBandwidthOfTheLevelThatHoldsTheWorkingSet) {
  EXPECT_EQ(roofline_limit(made_roofline(), 1, 80, 100), (Limit{2e-8, false, "L1"}));
  EXPECT_EQ(roofline_limit(made_roofline(), 1, 80, 101), (Limit{4e-8, false, "L2"}));
  EXPECT_EQ(roofline_limit(made_roofline(), 1, 80, 1001), (Limit{8e-8, false, "DRAM"}));
}

TEST(RooflineLimit, LargerThanAllIsOfTheLastLevel) {
  EXPECT_EQ(roofline_limit(made_roofline(), 1, 50'000, 50'000).level, "DRAM");
}

TEST(RooflineLimit, NoWorkTakesNoTime) {
  EXPECT_EQ(roofline_limit(made_roofline(), 0, 0, 0).seconds, 0);
}

TEST(RooflineLimit, WithoutBandwidthsArithmeticAloneBinds) {
  Roofline roofline = made_roofline();
  roofline.bandwidths.clear();
  EXPECT_EQ(roofline_limit(roofline, 1'000, 1'000'000, 1), (Limit{1e-6, true, ""}));
}

TEST(RooflineLimit, RefusesWhatCannotBe) {
  EXPECT_THROW(roofline_limit(made_roofline(), -1, 0, 0), Error);
  EXPECT_THROW(roofline_limit(made_roofline(), 0, -1, 0), Error);
  EXPECT_THROW(roofline_limit(made_roofline(), 0, 0, -1), Error);
  EXPECT_THROW(roofline_limit(Roofline{}, 1, 1, 1), Error);
}

/// 16 cores: first and second levels of their own, two third levels of 8 cores each.
Machine two_cache_machine() {
  return {.logical_cores = 16,
          .physical_cores = 16,
          .caches = {{1, "Data", 32 * kib, 1},
                     {1, "Instruction", 64 * kib, 1},
                     {2, "Unified", 1 * mib, 1},
                     {3, "Unified", 32 * mib, 8}},
          .memory_bytes = 64 * 1024 * mib,
          .usable_memory_bytes = 64 * 1024 * mib};
}

TEST(MemoryLevels, OneThreadGetsHalfOfItsCachesAndItsShareOfOthers) {
  const std::vector<MemoryLevel> levels = memory_levels(two_cache_machine(), 1);
  ASSERT_EQ(levels.size(), 4U);
  EXPECT_EQ(levels[0].name, "L1");
  EXPECT_EQ(levels[0].capacity_bytes, 32 * kib);
  EXPECT_EQ(levels[0].buffer_bytes_per_thread, 16 * kib);
  EXPECT_EQ(levels[1].buffer_bytes_per_thread, 512 * kib);
  EXPECT_EQ(levels[2].capacity_bytes, 32 * mib) << "the other one is not near";
  EXPECT_EQ(levels[2].buffer_bytes_per_thread, 4 * mib) << "one of eight cores";
  EXPECT_EQ(levels[3].name, "DRAM");
  EXPECT_EQ(levels[3].capacity_bytes, 64 * 1024 * mib);
  EXPECT_EQ(levels[3].buffer_bytes_per_thread, 4 * 32 * mib);
}

TEST(MemoryLevels, ThreadsShareTheCachesThatTheyMust) {
  const std::vector<MemoryLevel> levels = memory_levels(two_cache_machine(), 8);
  ASSERT_EQ(levels.size(), 4U);
  EXPECT_EQ(levels[0].capacity_bytes, 8 * 32 * kib);
  EXPECT_EQ(levels[0].buffer_bytes_per_thread, 16 * kib);
  EXPECT_EQ(levels[2].capacity_bytes, 2 * 32 * mib);
  EXPECT_EQ(levels[2].buffer_bytes_per_thread, 4 * mib) << "four threads for each of the two";
  EXPECT_EQ(memory_levels(two_cache_machine(), 16)[2].buffer_bytes_per_thread, 2 * mib);
  EXPECT_EQ(levels[3].buffer_bytes_per_thread, 4 * 64 * mib / 8);
}

TEST(MemoryLevels, SiblingsShareTheFirstLevel) {
  Machine machine = two_cache_machine();
  machine.caches[0].shared_by = 2;
  EXPECT_EQ(memory_levels(machine, 8)[0].buffer_bytes_per_thread, 16 * kib);
  EXPECT_EQ(memory_levels(machine, 16)[0].buffer_bytes_per_thread, 8 * kib);
  EXPECT_EQ(memory_levels(machine, 16)[0].capacity_bytes, 8 * 32 * kib);
}

TEST(MemoryLevels, ALevelIsNeverMeasuredInsideTheOneBefore) {
  Machine machine = two_cache_machine();
  machine.caches[3].bytes = 8 * mib;
  EXPECT_EQ(memory_levels(machine, 16)[2].buffer_bytes_per_thread, 2 * mib)
      << "half a third level for eight threads would lie in the second levels";
}

TEST(MemoryLevels, NorInsideASharedOneBefore) {
  Machine machine = two_cache_machine();
  machine.caches[2] = {2, "Unified", 4 * mib, 4};
  machine.caches[3].bytes = 8 * mib;
  EXPECT_EQ(memory_levels(machine, 1)[1].buffer_bytes_per_thread, 1 * mib);
  EXPECT_EQ(memory_levels(machine, 1)[2].buffer_bytes_per_thread, 8 * mib);
}

TEST(MemoryLevels, MemoryIsNotExhausted) {
  Machine machine = two_cache_machine();
  machine.usable_memory_bytes = 40 * mib;
  EXPECT_EQ(memory_levels(machine, 1)[3].buffer_bytes_per_thread, 10 * mib);
}

TEST(MemoryLevels, UnknownCachesLeaveTheMemory) {
  const std::vector<MemoryLevel> levels = memory_levels(Machine{}, 3);
  ASSERT_EQ(levels.size(), 1U);
  EXPECT_EQ(levels[0].name, "DRAM");
  EXPECT_EQ(levels[0].buffer_bytes_per_thread, 64 * mib / 3 / 4096 * 4096);
}

TEST(MeasureRoofline, RefusesImpossibleThreads) {
  SilentProgress progress;
  EXPECT_THROW(measure_roofline(0, progress), Error);
  EXPECT_THROW(measure_roofline(-1, progress), Error);
  EXPECT_THROW(measure_roofline(1'000'000, progress), Error);
}

/// Whether the figures are plausible depends on the machine: bench/roofline.cpp shows them.
TEST(MeasureRoofline, MeasuresEveryLevel) {
  class Counter final : public Progress {
   public:
    void update(double done, double total, std::string_view) override {
      EXPECT_LT(done, total);
      ++updates;
    }
    int updates = 0;
  } progress;
  const Roofline roofline = measure_roofline(2, progress);
  EXPECT_GT(progress.updates, 0);
  EXPECT_EQ(roofline.threads, 2);
  EXPECT_GT(roofline.flops_f32_per_s, 0);
  EXPECT_FALSE(roofline.instruction_set.empty());
  const std::vector<MemoryLevel> levels = memory_levels(describe_machine(), 2);
  ASSERT_EQ(roofline.bandwidths.size(), levels.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    EXPECT_EQ(roofline.bandwidths[i].level, levels[i].name);
    EXPECT_EQ(roofline.bandwidths[i].bytes, levels[i].capacity_bytes);
    EXPECT_EQ(roofline.bandwidths[i].measured_with_bytes, 2 * levels[i].buffer_bytes_per_thread);
    EXPECT_GT(roofline.bandwidths[i].read_bytes_per_s, 0);
  }
}

class RooflineCache : public testing::Test {
 protected:
  Roofline get(int threads = 2, bool refresh = false) {
    return cached_roofline(folder_.path(), machine_, threads, refresh, [&] {
      ++measured_;
      Roofline roofline = made_roofline();
      roofline.threads = threads;
      roofline.flops_f32_per_s = 1e9 * measured_;
      return roofline;
    });
  }
  fs::path file() const { return fs::directory_iterator(folder_.path() / "roofline")->path(); }

  TemporaryDirectory folder_;
  Machine machine_ = two_cache_machine();
  int measured_ = 0;
};

TEST_F(RooflineCache, MeasuresOnce) {
  const Roofline first = get();
  EXPECT_EQ(get(), first);
  EXPECT_EQ(measured_, 1);
  EXPECT_EQ(first.bandwidths, made_roofline().bandwidths);
}

TEST_F(RooflineCache, RefreshMeasuresAgainAndIsKept) {
  get();
  EXPECT_EQ(get(2, true).flops_f32_per_s, 2e9);
  EXPECT_EQ(get().flops_f32_per_s, 2e9);
  EXPECT_EQ(measured_, 2);
}

TEST_F(RooflineCache, OtherThreadsSettingsAndMachinesAreMeasuredApart) {
  get();
  get(3);
  EXPECT_EQ(measured_, 2);
  machine_.governor = "performance";
  get();
  EXPECT_EQ(measured_, 3);
  machine_.usable_cores = 2;
  get();
  EXPECT_EQ(measured_, 4);
  machine_.turbo = false;
  get();
  EXPECT_EQ(measured_, 5);
  machine_.cpu_model = "another";
  get();
  EXPECT_EQ(measured_, 6);
}

TEST_F(RooflineCache, DamagedFilesAreMeasuredAgain) {
  get();
  const std::string good = read_text(file());
  int expected = 1;
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  for (const std::string& text :
       {std::string(), std::string("not JSON"), std::string("[]"), std::string("{}"),
        good.substr(0, good.size() / 2), replaced("\"bandwidths\"", "\"bandwidth\""),
        replaced("4000000000.0", "\"fast\""), replaced("4000000000.0", "-1.0"),
        replaced("4000000000.0", "null"), replaced("\"governor\": \"\"", "\"governor\": \"x\"")}) {
    write_atomically(file(), text);
    EXPECT_NO_THROW(get()) << text;
    EXPECT_EQ(measured_, ++expected) << text;
    get();
    EXPECT_EQ(measured_, expected) << "the new file is good";
  }
}

TEST(RooflineCacheFolder, ThatCannotBeWrittenCostsOnlyTime) {
  const Roofline roofline =
      cached_roofline("/dev/null/no/folder", Machine{}, 2, false, [] { return made_roofline(); });
  EXPECT_EQ(roofline, made_roofline());
}

}  // namespace
}  // namespace moliere::bench
