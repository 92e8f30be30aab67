// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"

#include <numeric>

#include "reference/one_node.hpp"

namespace moliere::reference {
namespace {

TEST(Conv, StridesDilatesAndPads) {
  const Tensor x = line({1, 2, 3, 4, 5});
  const Tensor w = line({1, 10, 100});
  expect_near(OneNode{"Conv", {x, w}}(), line({321, 432, 543}));
  expect_near(OneNode{"Conv", {x, w}, {{"pads", Ints{1, 0}}, {"strides", Ints{2}}}}(),
              line({210, 432}));
  expect_near(OneNode{"Conv", {x, w}, {{"dilations", Ints{2}}}}(), line({531}));
  // Negative padding cuts off.
  expect_near(OneNode{"Conv", {x, w, real({1}, {0.5})}, {{"pads", Ints{-1, -1}}}}(), line({432.5}));
}

TEST(Conv, AutoPadPutsTheOddElementWhereItSays) {
  const Tensor x = line({1, 2, 3});
  const Tensor w = line({1, 10});
  const auto padded = [&](const char* mode) {
    return OneNode{"Conv", {x, w}, {{"auto_pad", std::string(mode)}}}();
  };
  expect_near(padded("SAME_UPPER"), line({21, 32, 3}));
  expect_near(padded("SAME_LOWER"), line({10, 21, 32}));
  expect_near(padded("VALID"), line({21, 32}));
  EXPECT_THROW(padded("SOMETIMES"), Error);
}

TEST(Conv, BadShapesAreErrors) {
  const Tensor x = real({1, 4, 5}, std::vector<double>(20, 1));
  const Tensor w = real({2, 4, 3}, std::vector<double>(24, 1));
  EXPECT_NO_THROW((OneNode{"Conv", {x, w}}()));
  const auto conv = [&](Attributes attributes) { return OneNode{"Conv", {x, w}, attributes}(); };
  EXPECT_THROW(conv({{"group", std::int64_t{2}}}), Error);
  EXPECT_THROW(conv({{"group", std::int64_t{0}}}), Error);
  EXPECT_THROW(conv({{"strides", Ints{0}}}), Error);
  EXPECT_THROW(conv({{"strides", Ints{1, 1}}}), Error);
  EXPECT_THROW(conv({{"dilations", Ints{-1}}}), Error);
  EXPECT_THROW(conv({{"dilations", Ints{3}}}), Error) << "the window is larger than the input";
  EXPECT_THROW(conv({{"pads", Ints{1}}}), Error);
  EXPECT_THROW((OneNode{"Conv", {x, w, real({3}, {1, 2, 3})}}()), Error);
}

/// A random geometry in 1, 2 or 3 dimensions.
struct Geometry {
  std::int64_t groups, channels, features;
  Shape input, kernel;
  Attributes attributes;
};

Geometry random_geometry(RandomStream& random, bool with_output_padding) {
  const auto draw = [&](std::int64_t lowest, std::int64_t highest) {
    return lowest + random.below(static_cast<std::uint32_t>(highest - lowest + 1));
  };
  const auto axes = static_cast<std::size_t>(draw(1, 3));
  Geometry g{.groups = draw(1, 3)};
  g.channels = g.groups * draw(1, 3);
  g.features = g.groups * draw(1, 3);
  Ints strides, dilations, pads(2 * axes), output_padding;
  for (std::size_t i = 0; i < axes; ++i) {
    g.kernel.push_back(draw(1, 4));
    strides.push_back(draw(1, 3));
    dilations.push_back(draw(1, 2));
    const std::int64_t reach = dilations[i] * (g.kernel[i] - 1) + 1;
    // A stride that divides makes Conv and ConvTranspose each other's adjoint.
    g.input.push_back(reach + strides[i] * draw(0, 4));
    pads[i] = std::min<std::int64_t>(draw(0, 2), reach - 1);
    pads[axes + i] = std::min<std::int64_t>(draw(0, 2), reach - 1);
    output_padding.push_back(with_output_padding ? draw(0, strides[i] - 1) : 0);
  }
  g.attributes = {
      {"group", g.groups}, {"strides", strides}, {"dilations", dilations}, {"pads", pads}};
  if (with_output_padding) g.attributes["output_padding"] = output_padding;
  return g;
}

Shape joined(std::int64_t first, std::int64_t second, const Shape& rest) {
  Shape shape{first, second};
  shape.insert(shape.end(), rest.begin(), rest.end());
  return shape;
}

TEST(Conv, PathsAgreeOnRandomGeometries) {
  RandomStream random(seed_from("convolution paths"));
  for (int i = 0; i < 100; ++i) {
    const Geometry g = random_geometry(random, false);
    expect_paths_agree({"Conv",
                        {random_real(joined(2, g.channels, g.input), random),
                         random_real(joined(g.features, g.channels / g.groups, g.kernel), random),
                         random_real({g.features}, random)},
                        g.attributes});
  }
}

TEST(Conv, PathsAgreeWhereBlocksAndThreadsBegin) {
  // 256 rows of 8 bytes: the 40000 positions make tens of blocks, and 164 MFLOP make threads.
  RandomStream random(seed_from("convolution blocks"));
  expect_paths_agree(
      {"Conv", {random_real({1, 16, 203, 203}, random), random_real({2, 16, 4, 4}, random)}});
  expect_paths_agree({"ConvTranspose",
                      {random_real({1, 16, 150, 150}, random), random_real({16, 3, 4, 4}, random)},
                      {{"strides", Ints{2, 3}}}});
}

TEST(ConvTranspose, PathsAgreeOnRandomGeometries) {
  RandomStream random(seed_from("transposed convolution paths"));
  for (int i = 0; i < 100; ++i) {
    const Geometry g = random_geometry(random, true);
    expect_paths_agree({"ConvTranspose",
                        {random_real(joined(2, g.channels, g.input), random),
                         random_real(joined(g.channels, g.features / g.groups, g.kernel), random),
                         random_real({g.features}, random)},
                        g.attributes});
  }
}

double inner_product(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.to_doubles();
  const std::vector<double> y = b.to_doubles();
  return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
}

// (Conv x, y) = (x, ConvTranspose y) with the same weights: they are each other's adjoint.
TEST(ConvTranspose, IsTheAdjointOfConv) {
  RandomStream random(seed_from("adjoint"));
  for (int i = 0; i < 50; ++i) {
    Geometry g = random_geometry(random, false);
    g.attributes["pads"] = Ints(2 * g.input.size(), 0);
    const Tensor x = random_real(joined(2, g.channels, g.input), random);
    const Tensor w = random_real(joined(g.features, g.channels / g.groups, g.kernel), random);
    const Tensor forward = OneNode{"Conv", {x, w}, g.attributes}();
    const Tensor y = random_real(forward.shape(), random);
    const Tensor backward = OneNode{"ConvTranspose", {y, w}, g.attributes}();
    ASSERT_EQ(backward.shape(), x.shape());
    EXPECT_NEAR(inner_product(forward, y), inner_product(x, backward), 1e-11);
  }
}

TEST(ConvTranspose, OutputShapeAndAutoPad) {
  const Tensor x = line({1, 2, 3});
  const Tensor w = line({1, 10, 100});
  // All of it: 1, 12, 123, 230, 300 with stride 1.
  expect_near(OneNode{"ConvTranspose", {x, w}}(), line({1, 12, 123, 230, 300}));
  const auto shaped = [&](const char* mode) {
    return OneNode{
        "ConvTranspose", {x, w}, {{"output_shape", Ints{4}}, {"auto_pad", std::string(mode)}}}();
  };
  expect_near(shaped("SAME_UPPER"), line({1, 12, 123, 230}));
  expect_near(shaped("NOTSET"), line({12, 123, 230, 300}));
  const OneNode strided{
      "ConvTranspose", {x, w}, {{"strides", Ints{2}}, {"auto_pad", std::string("SAME_UPPER")}}};
  expect_near(strided(), line({1, 10, 102, 20, 203, 30}));
  const OneNode extended{
      "ConvTranspose", {x, w}, {{"strides", Ints{2}}, {"output_padding", Ints{1}}}};
  expect_near(extended(), line({1, 10, 102, 20, 203, 30, 300, 0}));
  EXPECT_THROW((OneNode{"ConvTranspose", {x, w}, {{"pads", Ints{3, 3}}}}()), Error);
}

TEST(Col2Im, SumsWhereBlocksOverlap) {
  const OneNode fold{
      "Col2Im", {real({1, 2, 3}, {1, 2, 3, 10, 20, 30}), integer({1}, {4}), integer({1}, {2})}};
  expect_near(fold(), line({1, 12, 23, 30}));
}

TEST(CausalConvWithState, GoesOnWhereItEnded) {
  RandomStream random(seed_from("causal"));
  const Tensor w = random_real({2, 1, 3}, random);
  const Tensor x = random_real({1, 2, 5}, random);
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> elements;
    for (int c = 0; c < 2; ++c) {
      for (std::int64_t t = begin; t < end; ++t)
        elements.push_back(x.to_doubles()[static_cast<std::size_t>(c * 5 + t)]);
    }
    return real({1, 2, end - begin}, elements);
  };
  const auto whole = OneNode{"CausalConvWithState", {x, w}, {}, 2, 27}.run();
  const auto first = OneNode{"CausalConvWithState", {part(0, 2), w}, {}, 2, 27}.run();
  const auto second =
      OneNode{"CausalConvWithState", {part(2, 5), w, std::nullopt, first[1]}, {}, 2, 27}.run();
  for (std::size_t t = 0; t < 3; ++t) {
    EXPECT_NEAR(second[0].to_doubles()[t], whole[0].to_doubles()[2 + t], 1e-14);
  }
  expect_near(second[1], whole[1]);
}

}  // namespace
}  // namespace moliere::reference
