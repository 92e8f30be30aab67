// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"

#include <limits>

#include "reference/one_node.hpp"

namespace moliere::reference {
namespace {

/// Resize of a line to a size.
Tensor resized(const std::vector<double>& line, std::int64_t size, Attributes attributes) {
  attributes["axes"] = Ints{2};
  const Tensor x = real({1, 1, static_cast<std::int64_t>(line.size())}, line);
  return OneNode{"Resize", {x, std::nullopt, std::nullopt, integer({1}, {size})}, attributes}()
      .reshaped({size});
}

Attributes mode(const char* name, const char* transformation) {
  return {{"mode", std::string(name)},
          {"coordinate_transformation_mode", std::string(transformation)}};
}

TEST(Resize, NearestRepeatsElements) {
  expect_near(resized({1, 2, 3}, 6, {}), real({6}, {1, 1, 2, 2, 3, 3}));
  Attributes floor = mode("nearest", "asymmetric");
  floor["nearest_mode"] = std::string("ceil");
  expect_near(resized({1, 2, 3}, 6, floor), real({6}, {1, 2, 2, 3, 3, 3}));
}

TEST(Resize, LinearInterpolatesBetweenCentresOrCorners) {
  expect_near(resized({0, 4}, 4, mode("linear", "half_pixel")), real({4}, {0, 1, 3, 4}));
  expect_near(resized({0, 3}, 4, mode("linear", "align_corners")), real({4}, {0, 1, 2, 3}));
  expect_near(resized({0, 4}, 4, mode("linear", "asymmetric")), real({4}, {0, 2, 4, 4}));
}

TEST(Resize, CubicReproducesALineInside) {
  Attributes cubic = mode("cubic", "half_pixel");
  // Keys: the kernel is exact for polynomials of second degree for a = -1/2 alone.
  cubic["cubic_coeff_a"] = -0.5;
  const Tensor y = resized({0, 1, 4, 9, 16, 25}, 12, cubic);
  for (std::size_t i = 4; i < 8; ++i) {
    const double x = (static_cast<double>(i) + 0.5) / 2 - 0.5;
    EXPECT_NEAR(y.to_doubles()[i], x * x, 1e-12);
  }
}

TEST(Resize, AntialiasAveragesOnTheWayDown) {
  Attributes linear = mode("linear", "half_pixel");
  linear["antialias"] = std::int64_t{1};
  // Weights 1/8 3/8 3/8 1/8 around each centre; at the edges what lies outside is the edge.
  expect_near(resized({0, 8, 16, 24}, 2, linear), real({2}, {5, 19}));
}

TEST(Resize, KeepsTheAspectRatioWhenAsked) {
  const Tensor x = real({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const auto shape_of = [&](const char* policy) {
    const Attributes attributes{{"keep_aspect_ratio_policy", std::string(policy)},
                                {"axes", Ints{2, 3}}};
    return OneNode{"Resize", {x, std::nullopt, std::nullopt, integer({2}, {6, 8})}, attributes}()
        .shape();
  };
  EXPECT_EQ(shape_of("stretch"), (Shape{1, 1, 6, 8}));
  EXPECT_EQ(shape_of("not_larger"), (Shape{1, 1, 4, 8}));
  EXPECT_EQ(shape_of("not_smaller"), (Shape{1, 1, 6, 12}));
}

TEST(Resize, BadRequestsAreErrors) {
  EXPECT_THROW(resized({1, 2}, 4, mode("quintic", "half_pixel")), Error);
  EXPECT_THROW(resized({1, 2}, 4, mode("linear", "somehow")), Error);
  const Tensor x = real({1, 1, 2}, {1, 2});
  EXPECT_THROW((OneNode{"Resize", {x, std::nullopt, real({2}, {1, 2})}}()), Error);
  EXPECT_THROW((OneNode{"Resize", {x}}()), Error);
}

TEST(Upsample, IsAnOldResize) {
  const OneNode node{"Upsample", {real({1, 2}, {1, 2}), real({2}, {1, 2})}, {}, 1, 9};
  expect_near(node(), real({1, 4}, {1, 1, 2, 2}));
}

Tensor sampled(const std::vector<double>& positions, Attributes attributes) {
  const auto number = static_cast<std::int64_t>(positions.size());
  return OneNode{
      "GridSample", {real({1, 1, 3}, {10, 20, 30}), real({1, number, 1}, positions)}, attributes}()
      .reshaped({number});
}

TEST(GridSample, InterpolatesAndPads) {
  Attributes attributes{{"align_corners", std::int64_t{1}}, {"mode", std::string("linear")}};
  expect_near(sampled({-1, -0.5, 0, 1, 1.5, 4}, attributes), real({6}, {10, 15, 20, 30, 15, 0}));
  attributes["padding_mode"] = std::string("border");
  expect_near(sampled({-9, 1.5}, attributes), real({2}, {10, 30}));
  attributes["padding_mode"] = std::string("reflection");
  expect_near(sampled({-1.5, 1.5, 3}, attributes), real({3}, {15, 25, 10}));
}

TEST(GridSample, FarAwayAndNotANumberEnd) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (const char* padding : {"zeros", "border", "reflection"}) {
    for (const char* interpolation : {"nearest", "linear", "cubic"}) {
      const Attributes attributes{{"mode", std::string(interpolation)},
                                  {"padding_mode", std::string(padding)}};
      EXPECT_EQ(sampled({infinity, -infinity, nan, 1e300}, attributes).size(), 4);
    }
  }
}

TEST(GridSample, TheLastAxisComesFirst) {
  const OneNode node{"GridSample",
                     {real({1, 1, 2, 2}, {1, 2, 3, 4}), real({1, 1, 1, 2}, {1, -1})},
                     {{"align_corners", std::int64_t{1}}}};
  expect_near(node(), real({1, 1, 1, 1}, {2}));
}

}  // namespace
}  // namespace moliere::reference
