// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/random.hpp"

#include <array>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere {
namespace {

using Block = std::array<std::uint32_t, 4>;

// The known-answer vectors that Random123 1.09 ships (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, DependsOnSeedAndStreamAlone) {
  RandomStream a(1, 2), b(1, 2), other_stream(1, 3), other_seed(2, 2);
  const std::uint32_t first = a();
  EXPECT_EQ(first, b());
  EXPECT_NE(first, other_stream());
  EXPECT_NE(first, other_seed());
}

TEST(RandomStream, BelowIsUnbiased) {
  RandomStream random(7);
  std::array<int, 3> counts{};
  constexpr int draws = 30000;
  for (int i = 0; i < draws; ++i) ++counts[random.below(3)];
  // Five standard deviations of a binomial around the expectation.
  const double tolerance = 5.0 * std::sqrt(draws * (1.0 / 3.0) * (2.0 / 3.0));
  for (const int count : counts) EXPECT_NEAR(count, draws / 3.0, tolerance);
}

TEST(RandomStream, UniformAndNormalHaveTheirMoments) {
  RandomStream random(7);
  constexpr int draws = 100000;
  double sum_uniform = 0, sum_normal = 0, sum_square = 0;
  for (int i = 0; i < draws; ++i) {
    const double u = random.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum_uniform += u;
    const double z = random.normal();
    sum_normal += z;
    sum_square += z * z;
  }
  EXPECT_NEAR(sum_uniform / draws, 0.5, 5 * std::sqrt(1.0 / 12 / draws));
  EXPECT_NEAR(sum_normal / draws, 0.0, 5 / std::sqrt(draws));
  EXPECT_NEAR(sum_square / draws, 1.0, 5 * std::sqrt(2.0 / draws));
}

TEST(SeedFrom, IsFnv1a) { EXPECT_EQ(seed_from("a"), 0xaf63dc4c8601ec8cULL); }

}  // namespace
}  // namespace moliere
