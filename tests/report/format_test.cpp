// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/format.hpp"

#include <gtest/gtest.h>

namespace moliere::report {
namespace {

TEST(Format, ThreeDigitsAndTheRightUnit) {
  EXPECT_EQ(duration(0), "0 ns");
  EXPECT_EQ(duration(1.2345), "1.23 ns");
  EXPECT_EQ(duration(999.4), "999 ns");
  EXPECT_EQ(duration(999.5), "1.00 us");
  EXPECT_EQ(duration(9.996), "10.0 ns");
  EXPECT_EQ(duration(-999.6), "-1.00 us");
  EXPECT_EQ(duration(12'345'678), "12.3 ms");
  EXPECT_EQ(duration(5e12), "5000 s");
  EXPECT_EQ(milliseconds(0.00889), "0.00889");
  EXPECT_EQ(milliseconds(-42.34), "-42.3");
  EXPECT_EQ(milliseconds(1.5e-9), "1.50e-09");
  EXPECT_EQ(with_prefix(52'700), "52.7 k");
  EXPECT_EQ(with_prefix(172e9), "172 G");
  EXPECT_EQ(bytes(999), "999 B");
  EXPECT_EQ(bytes(4'200'000), "4.20 MB");
}

TEST(Format, ColumnsCountCodePoints) {
  EXPECT_EQ(columns("±1.1 %"), 6U);
  EXPECT_EQ(columns("Molière"), 7U);
  EXPECT_EQ(left("Molière", 9), "Molière  ");
  EXPECT_EQ(right("±1", 4), "  ±1");
}

TEST(Format, WhatIsTooLongIsCutBetweenCodePoints) {
  EXPECT_EQ(left("abcdefgh", 6), "abc...");
  EXPECT_EQ(columns(left("èèèèèèèè", 6)), 6U);
  EXPECT_EQ(columns(right("èèèèèèèè", 6)), 6U);
}

}  // namespace
}  // namespace moliere::report
