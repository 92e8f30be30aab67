// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/denormals.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace moliere::worker {
namespace {

template <class T>
std::int64_t count_in(const std::vector<T>& values) {
  const Tensor tensor = Tensor::from<T>({static_cast<std::int64_t>(values.size())}, values);
  return count_denormals({{"x", tensor.type(), tensor.shape()}, tensor.bytes().data()});
}

template <class T>
void expect_only_denormals_count() {
  using Limits = std::numeric_limits<T>;
  EXPECT_EQ(count_in<T>({0, -T{0}, 1, -1, Limits::min(), -Limits::min(), Limits::infinity(),
                         Limits::quiet_NaN()}),
            0);
  EXPECT_EQ(count_in<T>({Limits::denorm_min(), 1, -Limits::denorm_min(), Limits::min() / 2}), 3);
}

TEST(Denormals, AreCountedInFloat32) { expect_only_denormals_count<float>(); }
TEST(Denormals, AreCountedInFloat64) { expect_only_denormals_count<double>(); }

TEST(Denormals, AreCountedInSixteenBits) {
  // The smallest normal numbers are 2^-14 and 2^-126.
  EXPECT_EQ(count_in<Float16>({Float16(0x1p-14), Float16(0x1p-15), Float16(0.0)}), 1);
  EXPECT_EQ(count_in<BFloat16>({BFloat16(0x1p-126), BFloat16(-0x1p-127), BFloat16(1.0)}), 1);
}

TEST(Denormals, IntegersHaveNone) { EXPECT_EQ(count_in<std::int32_t>({0, 1, 2}), 0); }

}  // namespace
}  // namespace moliere::worker
