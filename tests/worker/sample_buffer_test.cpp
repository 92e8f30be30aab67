// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/sample_buffer.hpp"

#include <numeric>
#include <set>

#include <gtest/gtest.h>

namespace moliere::worker {
namespace {

TEST(Median, OfOddEvenAndNoValues) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(median({7}), 7);
  EXPECT_EQ(median({}), 0);
}

TEST(Thin, KeepsAllWhenThereAreFew) {
  const std::vector<double> values{5, 3, 4};
  EXPECT_EQ(thin(values, 3), values);
  EXPECT_EQ(thin(values, 64), values);
  EXPECT_TRUE(thin(values, 0).empty());
  EXPECT_TRUE(thin({}, 4).empty());
}

TEST(Thin, TakesOneValueFromEachStretchInOrder) {
  std::vector<double> values(1000);
  std::iota(values.begin(), values.end(), 0.0);
  const std::vector<double> kept = thin(values, 50);
  ASSERT_EQ(kept.size(), 50U);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_GE(kept[i], 20.0 * static_cast<double>(i));
    EXPECT_LT(kept[i], 20.0 * static_cast<double>(i + 1));
  }
}

TEST(Thin, MeetsEverySlotWhereAFixedStrideWouldMeetOne) {
  constexpr std::size_t slots = 16;
  std::vector<double> slot_of_sample(8192);
  for (std::size_t i = 0; i < slot_of_sample.size(); ++i) {
    slot_of_sample[i] = static_cast<double>(i % slots);
  }
  const std::vector<double> kept = thin(slot_of_sample, 64);  // stretches of 128 = 8 x 16
  EXPECT_EQ(std::set<double>(kept.begin(), kept.end()).size(), slots);
}

TEST(SampleBuffer, SumsUpAndStartsAnew) {
  SampleBuffer buffer;
  buffer.start(10);
  buffer.add(100, 1);
  buffer.add(400, 2);
  EXPECT_EQ(buffer.count(), 2U);
  EXPECT_EQ(buffer.calls(), 3);
  EXPECT_EQ(buffer.total_ns(), 500);
  EXPECT_EQ(buffer.min_ns(), 100);
  EXPECT_EQ(buffer.max_ns(), 200);
  EXPECT_EQ(std::vector<double>(buffer.samples().begin(), buffer.samples().end()),
            (std::vector<double>{100, 200}));
  buffer.start(SampleBuffer::capacity * 2);
  EXPECT_EQ(buffer.count(), 0U);
  EXPECT_EQ(buffer.total_ns(), 0);
  EXPECT_TRUE(buffer.samples().empty());
  buffer.add(5000, 1);
  EXPECT_EQ(buffer.min_ns(), 5000);
  EXPECT_EQ(buffer.max_ns(), 5000);
}

TEST(SampleBuffer, CountsOnBeyondItsCapacity) {
  SampleBuffer buffer;
  buffer.start(1);
  for (std::size_t i = 0; i < SampleBuffer::capacity; ++i) buffer.add(10, 1);
  buffer.add(3, 1);
  EXPECT_EQ(buffer.samples().size(), SampleBuffer::capacity);
  EXPECT_EQ(buffer.count(), SampleBuffer::capacity + 1);
  EXPECT_EQ(buffer.min_ns(), 3);
  EXPECT_EQ(buffer.total_ns(), static_cast<std::int64_t>(10 * SampleBuffer::capacity + 3));
}

}  // namespace
}  // namespace moliere::worker
