// SPDX-License-Identifier: Apache-2.0
#include "moliere/page/chart.hpp"

#include "moliere/core/error.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::page {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsNan;
using testing::ThrowsMessage;

TEST(Chart, HistogramHasSymmetricBounds) {
  const std::vector<double> errors = {0.5, 1};
  const Series series = histogram("a", {0, 1, 3}, {2, 4}, errors);
  EXPECT_EQ(series.kind, SeriesKind::steps);
  EXPECT_THAT(series.lower, ElementsAre(1.5, 3));
  EXPECT_THAT(series.upper, ElementsAre(2.5, 5));
  EXPECT_THAT(histogram("b", {0, 1, 3}, {2, 4}).lower, IsEmpty());
}

TEST(Chart, HistogramRefusesWhatDoesNotFit) {
  const std::vector<double> one_error = {1};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(
      [] {
        histogram("a", {0, 1}, {2, 4});
      },
      ThrowsMessage<Error>(HasSubstr("edges are 2 instead of 3")));
  EXPECT_THAT(
      [] {
        histogram("a", {0, 1, 1}, {2, 4});
      },
      ThrowsMessage<Error>(HasSubstr("do not rise")));
  EXPECT_THAT(
      [&] {
        histogram("a", {0, nan, 1}, {2, 4});
      },
      ThrowsMessage<Error>(HasSubstr("do not rise")));
  EXPECT_THAT(
      [&] {
        histogram("a", {0, 1, 2}, {2, 4}, one_error);
      },
      ThrowsMessage<Error>(HasSubstr("1 errors for 2 bins")));
}

TEST(Chart, RatioIsBinByBinOverTheReference) {
  const std::vector<double> errors = {1, 2, 1};
  const Series reference = histogram("reference", {0, 1, 2, 3}, {10, 20, 0}, errors);
  const Series sample = histogram("sample", {0, 1, 2, 3}, {11, 15, 1}, errors);
  const RatioPanel panel = ratio_to(reference, std::vector<Series>{sample});
  ASSERT_EQ(panel.series.size(), 2U);
  EXPECT_THAT(panel.series[0].y, ElementsAre(1, 1, IsNan()));
  EXPECT_THAT(panel.series[0].upper, ElementsAre(1.1, 1.1, IsNan()));
  EXPECT_THAT(panel.series[1].y, ElementsAre(1.1, 0.75, IsNan()));
  EXPECT_THAT(panel.series[1].lower, ElementsAre(1.0, 0.65, IsNan()));
  EXPECT_EQ(panel.series[1].name, "sample");
}

TEST(Chart, RatioRefusesOtherBins) {
  const Series reference = histogram("reference", {0, 1, 2}, {10, 20});
  const Series sample = histogram("sample", {0, 1, 3}, {10, 20});
  EXPECT_THAT([&] { ratio_to(reference, std::vector<Series>{sample}); },
              ThrowsMessage<Error>(HasSubstr("no ratio of 'sample' to 'reference'")));
}

}  // namespace
}  // namespace moliere::page
