// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/data_type.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace moliere {
namespace {

TEST(DataType, NamesRoundTrip) {
  for (const char* name : {"float32", "float64", "float16", "bfloat16", "int64", "int32", "int16",
                           "int8", "uint64", "uint32", "uint16", "uint8", "bool"}) {
    const auto type = data_type_from_string(name);
    ASSERT_TRUE(type.has_value()) << name;
    EXPECT_EQ(to_string(*type), name);
  }
  EXPECT_FALSE(data_type_from_string("float"));
}

TEST(DataType, EveryFloat16SurvivesTheRoundTripThroughDouble) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    Float16 half;
    half.bits = static_cast<std::uint16_t>(bits);
    const double value = static_cast<double>(half);
    if (std::isnan(value)) continue;
    EXPECT_EQ(Float16(value).bits, bits) << value;
  }
}

TEST(DataType, Float16RoundsToNearestEvenAndOverflowsToInfinity) {
  EXPECT_EQ(Float16(1.0).bits, 0x3C00);
  EXPECT_EQ(Float16(1.0 + 0x1p-11).bits, 0x3C00) << "a tie goes to the even neighbour";
  EXPECT_EQ(Float16(1.0 + 0x3p-11).bits, 0x3C02);
  EXPECT_EQ(Float16(65504.0).bits, 0x7BFF);
  EXPECT_EQ(Float16(65520.0).bits, 0x7C00);
  EXPECT_EQ(Float16(1e300).bits, 0x7C00);
  EXPECT_EQ(Float16(0x1p-24).bits, 1);
  EXPECT_EQ(Float16(0x1p-25).bits, 0) << "a tie with zero goes to zero";
  EXPECT_EQ(Float16(-0.0).bits, 0x8000);
}

TEST(DataType, BFloat16IsTheRoundedUpperHalfOfFloat) {
  EXPECT_EQ(BFloat16(1.0).bits, 0x3F80);
  EXPECT_EQ(BFloat16(3.140625).bits, 0x4049);
  EXPECT_EQ(BFloat16(1.0 + 0x1p-8).bits, 0x3F80) << "a tie goes to the even neighbour";
  EXPECT_EQ(BFloat16(1.0 + 0x3p-8).bits, 0x3F82);
  EXPECT_EQ(BFloat16(std::numeric_limits<double>::max()).bits, 0x7F80);
  EXPECT_TRUE(std::isnan(static_cast<double>(BFloat16(std::nan("")))));
}

}  // namespace
}  // namespace moliere
