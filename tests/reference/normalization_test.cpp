// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"

#include "reference/one_node.hpp"

namespace moliere::reference {
namespace {

const Attributes no_epsilon{{"epsilon", 0.0}};

Tensor filled(std::int64_t size, double value) {
  return real({size}, std::vector<double>(static_cast<std::size_t>(size), value));
}

TEST(BatchNormalization, UsesTheGivenStatistics) {
  const Tensor x = real({1, 2, 2}, {1, 2, 3, 4});
  const OneNode node{
      "BatchNormalization",
      {x, real({2}, {10, 1}), real({2}, {0, 5}), real({2}, {1, 3}), real({2}, {4, 1})},
      no_epsilon};
  expect_near(node(), real({1, 2, 2}, {0, 5, 5, 6}));
  OneNode short_scale = node;
  short_scale.inputs[1] = real({1}, {1});
  EXPECT_THROW(short_scale(), Error);
}

TEST(BatchNormalization, TrainingMixesTheStatistics) {
  const OneNode node{"BatchNormalization",
                     {real({2, 1, 2}, {1, 3, 5, 7}), real({1}, {1}), real({1}, {0}),
                      real({1}, {100}), real({1}, {50})},
                     {{"epsilon", 0.0}, {"momentum", 0.75}, {"training_mode", std::int64_t{1}}},
                     3};
  const auto results = node.run();
  // Mean 4 and variance 5 of the batch.
  const double s = std::sqrt(5.0);
  expect_near(results[0], real({2, 1, 2}, {-3 / s, -1 / s, 1 / s, 3 / s}));
  expect_near(results[1], real({1}, {0.75 * 100 + 0.25 * 4}));
  expect_near(results[2], real({1}, {0.75 * 50 + 0.25 * 5}));
}

TEST(GroupNormalization, OneGroupPerChannelIsInstanceNormalization) {
  RandomStream random(seed_from("group"));
  const Tensor x = random_real({2, 4, 3, 2}, random);
  const Tensor scale = random_real({4}, random), bias = random_real({4}, random);
  const OneNode group{"GroupNormalization", {x, scale, bias}, {{"num_groups", std::int64_t{4}}}};
  expect_near(group(), OneNode{"InstanceNormalization", {x, scale, bias}}());
}

TEST(GroupNormalization, OneGroupIsLayerNormalization) {
  RandomStream random(seed_from("one group"));
  const Tensor x = random_real({2, 4, 3}, random);
  const OneNode group{
      "GroupNormalization", {x, filled(4, 1), filled(4, 0)}, {{"num_groups", std::int64_t{1}}}};
  const OneNode layer{"LayerNormalization", {x, real({1, 1}, {1})}, {{"axis", std::int64_t{1}}}};
  expect_near(group(), layer());
}

TEST(GroupNormalization, ScalesGroupsInOpset18AndChannelsSince21) {
  const Tensor x = real({1, 4, 1}, {-1, 1, -1, 1});
  const Attributes attributes{{"num_groups", std::int64_t{2}}, {"epsilon", 0.0}};
  const Tensor per_group = real({2}, {1, 10});
  const Tensor per_channel = real({4}, {1, 2, 3, 4});
  const auto run = [&](const Tensor& scale, std::int64_t opset) {
    const Tensor bias = filled(scale.size(), 0);
    return OneNode{"GroupNormalization", {x, scale, bias}, attributes, 1, opset}();
  };
  expect_near(run(per_group, 18), real({1, 4, 1}, {-1, 1, -10, 10}));
  expect_near(run(per_channel, 21), real({1, 4, 1}, {-1, 2, -3, 4}));
  EXPECT_THROW(run(per_channel, 18), Error);
  EXPECT_THROW(run(per_group, 21), Error);
  const OneNode none{
      "GroupNormalization", {x, per_channel, per_channel}, {{"num_groups", std::int64_t{-1}}}};
  EXPECT_THROW(none(), Error);
}

TEST(LayerNormalization, GivesMeansAndInverseDeviations) {
  const OneNode node{"LayerNormalization",
                     {real({2, 2}, {1, 3, 10, 30}), real({2}, {1, 2}), real({2}, {5, 5})},
                     no_epsilon,
                     3};
  const auto results = node.run();
  expect_near(results[0], real({2, 2}, {4, 7, 4, 7}));
  expect_near(results[1], real({2, 1}, {2, 20}));
  expect_near(results[2], real({2, 1}, {1, 0.1}));
  EXPECT_THROW((OneNode{"LayerNormalization", {real({2, 2}, {1, 3, 10, 30}), filled(3, 1)}}()),
               Error);
}

TEST(RMSNormalization, DividesByTheRootOfTheMeanSquare) {
  const OneNode node{"RMSNormalization", {real({1, 2}, {1, 7}), real({2}, {1, 10})}, no_epsilon};
  expect_near(node(), real({1, 2}, {0.2, 14}));
}

TEST(LpNormalization, KeepsZeros) {
  const Tensor x = real({2, 2}, {3, 0, 4, 0});
  const Attributes columns{{"axis", std::int64_t{0}}};
  expect_near(OneNode{"LpNormalization", {x}, columns}(), real({2, 2}, {0.6, 0, 0.8, 0}));
  const Attributes odd{{"p", std::int64_t{3}}};
  EXPECT_THROW((OneNode{"LpNormalization", {x}, odd}()), Error);
}

TEST(LRN, SumsNeighbouringChannels) {
  const OneNode node{"LRN",
                     {real({1, 4, 1}, {1, 2, 3, 4})},
                     {{"size", std::int64_t{2}}, {"alpha", 2.0}, {"beta", 1.0}, {"bias", 1.0}}};
  // An even size takes one channel more above than below.
  expect_near(node(), real({1, 4, 1}, {1.0 / 6, 2.0 / 14, 3.0 / 26, 4.0 / 17}));
}

TEST(MeanVarianceNormalization, HasMeanZeroAndVarianceOne) {
  const OneNode node{"MeanVarianceNormalization", {real({2, 1, 1, 2}, {1, 3, 5, 7})}};
  const double s = std::sqrt(5.0);
  expect_near(node(), real({2, 1, 1, 2}, {-3 / s, -1 / s, 1 / s, 3 / s}), 1e-8);
}

}  // namespace
}  // namespace moliere::reference
