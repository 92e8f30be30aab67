// SPDX-License-Identifier: Apache-2.0
#include "moliere/stats/student.hpp"

#include "moliere/core/error.hpp"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

namespace moliere::stats {
namespace {

TEST(StudentQuantile, IsThePublishedTable) {
  // Abramowitz and Stegun, table 26.10.
  EXPECT_NEAR(student_quantile(0.95, 4), 2.776, 5e-4);
  EXPECT_NEAR(student_quantile(0.99, 4), 4.604, 5e-4);
  EXPECT_NEAR(student_quantile(0.95, 7), 2.365, 5e-4);
  EXPECT_NEAR(student_quantile(0.99, 7), 3.499, 5e-4);
  EXPECT_NEAR(student_quantile(0.95, 30), 2.042, 5e-4);
  EXPECT_NEAR(student_quantile(0.99, 29), 2.756, 5e-4);
  EXPECT_NEAR(student_quantile(0.999, 3), 12.924, 5e-4);
  EXPECT_NEAR(student_quantile(0.999, 4), 8.610, 5e-4);
  EXPECT_NEAR(student_quantile(0.999, 9), 4.781, 5e-4);
}

TEST(StudentQuantile, HasItsClosedForms) {
  // Freedom 1 is Cauchy's distribution: t = tan(pi level / 2); freedom 2: t = level sqrt(2 / (1 -
  // level^2)).
  for (const double level : {0.5, 0.95, 0.99, 0.999, 0.9999}) {
    const double cauchy = std::tan(std::numbers::pi * level / 2);
    EXPECT_NEAR(student_quantile(level, 1) / cauchy, 1, 1e-9);
    const double second = level * std::sqrt(2 / (1 - level * level));
    EXPECT_NEAR(student_quantile(level, 2) / second, 1, 1e-9);
  }
}

TEST(StudentQuantile, ApproachesTheNormalDistribution) {
  EXPECT_NEAR(student_quantile(0.95, 1000), 1.96234, 1e-5);
  EXPECT_EQ(student_quantile(0.95, 100000), student_quantile(0.95, 1000));
}

TEST(StudentQuantile, RefusesWhatHasNoAnswer) {
  EXPECT_THROW(student_quantile(0.95, 0), Error);
  EXPECT_THROW(student_quantile(0, 4), Error);
  EXPECT_THROW(student_quantile(1, 4), Error);
  EXPECT_THROW(student_quantile(std::nan(""), 4), Error);
}

}  // namespace
}  // namespace moliere::stats
