// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"

#include <array>
#include <cmath>

#include "reference/one_node.hpp"

namespace moliere::reference {
namespace {

Tensor zeros(Shape shape) { return Tensor(DataType::float64, std::move(shape)); }

Tensor flags(Shape shape, std::initializer_list<bool> values) {
  const std::vector<bool> given(values);
  Tensor tensor(DataType::boolean, std::move(shape));
  std::copy(given.begin(), given.end(), tensor.data<bool>().begin());
  return tensor;
}

/// One head, three keys, values of size one.
const Tensor values_1_2_6 = real({1, 1, 3, 1}, {1, 2, 6});

OneNode even_attention(std::int64_t queries, Attributes attributes = {}) {
  return {"Attention",
          {zeros({1, 1, queries, 2}), zeros({1, 1, 3, 2}), values_1_2_6},
          std::move(attributes)};
}

TEST(Attention, EqualScoresAverageTheValues) {
  expect_near(even_attention(1)(), real({1, 1, 1, 1}, {3}));
}

TEST(Attention, ScoresAreScaledByTheRootOfTheHeadSize) {
  const OneNode node{"Attention",
                     {real({1, 1, 1, 4}, {1, 1, 1, 1}),
                      real({1, 1, 2, 4}, {1, 1, 1, 1, 0, 0, 0, 0}), real({1, 1, 2, 1}, {1, 0})}};
  expect_near(node(), real({1, 1, 1, 1}, {1 / (1 + std::exp(-2.0))}));
  OneNode given = node;
  given.attributes["scale"] = 0.25;
  expect_near(given(), real({1, 1, 1, 1}, {1 / (1 + std::exp(-1.0))}));
  given.attributes["softcap"] = 0.5;
  expect_near(given(), real({1, 1, 1, 1}, {1 / (1 + std::exp(-0.5 * std::tanh(2.0)))}));
}

TEST(Attention, CausalQueriesSeeNoLaterKey) {
  const Attributes causal{{"is_causal", std::int64_t{1}}};
  expect_near(even_attention(3, causal)(), real({1, 1, 3, 1}, {1, 1.5, 3}));
}

TEST(Attention, WindowsLimitBothSides) {
  const Attributes window{{"left_window_size", std::int64_t{0}},
                          {"right_window_size", std::int64_t{1}}};
  expect_near(even_attention(3, window)(), real({1, 1, 3, 1}, {1.5, 4, 6}));
}

TEST(Attention, MasksTakeKeysAwayAndARowWithoutKeysIsZero) {
  OneNode node = even_attention(2);
  node.inputs.push_back(flags({2, 3}, {true, false, true, false, false, false}));
  expect_near(node(), real({1, 1, 2, 1}, {3.5, 0}));
  // A mask that ends early leaves the last keys out.
  node.inputs[3] = flags({2, 2}, {true, true, false, true});
  expect_near(node(), real({1, 1, 2, 1}, {1.5, 2}));
  node.inputs[3] = real({1, 3}, {0, std::log(2.0), -1e300});
  expect_near(node(), real({1, 1, 2, 1}, {5.0 / 3, 5.0 / 3}));
  node.inputs[3] = flags({1, 4}, {true, true, true, true});
  EXPECT_THROW(node(), Error);
}

TEST(Attention, PastKeysComeFirst) {
  OneNode node{"Attention",
               {zeros({1, 1, 1, 2}), zeros({1, 1, 1, 2}), real({1, 1, 1, 1}, {6}), std::nullopt,
                zeros({1, 1, 2, 2}), real({1, 1, 2, 1}, {1, 2})},
               {{"is_causal", std::int64_t{1}}},
               3};
  const auto results = node.run();
  // The query stands behind the past: it sees all three.
  expect_near(results[0], real({1, 1, 1, 1}, {3}));
  expect_near(results[1], zeros({1, 1, 3, 2}));
  expect_near(results[2], values_1_2_6);
  node.inputs.pop_back();
  EXPECT_THROW(node(), Error) << "past keys without past values";
}

TEST(Attention, NumbersOfValidKeysHideThePadding) {
  OneNode node = even_attention(1);
  node.inputs.resize(6);
  node.inputs.push_back(integer({1}, {2}));
  expect_near(node(), real({1, 1, 1, 1}, {1.5}));
}

TEST(Attention, SharedHeadsAreRepeatedHeads) {
  RandomStream random(seed_from("shared heads"));
  const Tensor q = random_real({2, 4, 3, 5}, random);
  const Tensor k = random_real({2, 2, 6, 5}, random);
  const Tensor v = random_real({2, 2, 6, 2}, random);
  const Tensor heads = integer({4}, {0, 0, 1, 1});
  const auto repeated = [&](const Tensor& x) {
    return OneNode{"Gather", {x, heads}, {{"axis", std::int64_t{1}}}}();
  };
  expect_near(OneNode{"Attention", {q, k, v}}(),
              OneNode{"Attention", {q, repeated(k), repeated(v)}}());
  const Tensor odd = random_real({2, 3, 3, 5}, random);
  EXPECT_THROW((OneNode{"Attention", {odd, k, v}}()), Error);
}

TEST(Attention, ThreeAxesAreFourWithHeadsSideBySide) {
  RandomStream random(seed_from("three axes"));
  const Tensor x = random_real({2, 3, 8}, random);
  const Attributes heads{{"q_num_heads", std::int64_t{2}}, {"kv_num_heads", std::int64_t{2}}};
  const auto four = [&](const Tensor& t) {
    const Tensor split = t.reshaped({2, 3, 2, 4});
    return OneNode{"Transpose", {split}, {{"perm", Ints{0, 2, 1, 3}}}}();
  };
  const Tensor y = OneNode{"Attention", {x, x, x}, heads}();
  expect_near(four(y), OneNode{"Attention", {four(x), four(x), four(x)}}());
  EXPECT_THROW((OneNode{"Attention", {x, x, x}}()), Error) << "without a number of heads";
}

TEST(Attention, ShowsTheScoresAtEachStage) {
  const double cap = 0.5;
  const double capped = cap * std::tanh(1 / cap);
  const double low = std::log(0.5);
  const auto scores = [&](std::int64_t mode) {
    return OneNode{"Attention",
                   {real({1, 1, 1, 1}, {1}), real({1, 1, 2, 1}, {1, 0}), zeros({1, 1, 2, 1}),
                    real({1, 2}, {low, 0})},
                   {{"softcap", cap}, {"qk_matmul_output_mode", mode}},
                   4}
        .run()[3];
  };
  expect_near(scores(0), real({1, 1, 1, 2}, {1, 0}));
  expect_near(scores(1), real({1, 1, 1, 2}, {capped, 0}));
  expect_near(scores(2), real({1, 1, 1, 2}, {capped + low, 0}));
  const double p = 1 / (1 + std::exp(-capped - low));
  expect_near(scores(3), real({1, 1, 1, 2}, {p, 1 - p}));
}

TEST(LinearAttention, TheDeltaRuleReplacesWhatAKeyHolds) {
  // The same key twice at rate 1: the second value takes the first one's place.
  const OneNode node{"LinearAttention",
                     {real({1, 2, 1}, {1, 1}), real({1, 2, 1}, {1, 1}), real({1, 2, 1}, {5, 7}),
                      std::nullopt, std::nullopt, real({1, 2, 1}, {1, 1})},
                     {{"q_num_heads", std::int64_t{1}},
                      {"kv_num_heads", std::int64_t{1}},
                      {"update_rule", std::string("delta")}},
                     2,
                     27};
  const auto results = node.run();
  expect_near(results[0], real({1, 2, 1}, {5, 7}));
  expect_near(results[1], real({1, 1, 1, 1}, {7}));
  OneNode adding = node;
  adding.inputs.resize(3);
  adding.attributes["update_rule"] = std::string("linear");
  expect_near(adding.run()[1], real({1, 1, 1, 1}, {12}));
  adding.attributes["update_rule"] = std::string("gated");
  EXPECT_THROW(adding(), Error) << "no decay is given";
}

TEST(RotaryEmbedding, TurnsPairs) {
  const double c = std::cos(0.3), s = std::sin(0.3);
  OneNode node{"RotaryEmbedding",
               {real({1, 1, 1, 5}, {1, 2, 3, 4, 9}), real({2, 2}, {1, 1, c, 1}),
                real({2, 2}, {0, 0, s, 0}), integer({1, 1}, {1})},
               {{"rotary_embedding_dim", std::int64_t{4}}}};
  expect_near(node(), real({1, 1, 1, 5}, {c * 1 - s * 3, 2, s * 1 + c * 3, 4, 9}));
  node.attributes["interleaved"] = std::int64_t{1};
  expect_near(node(), real({1, 1, 1, 5}, {c * 1 - s * 2, s * 1 + c * 2, 3, 4, 9}));
  node.inputs[3] = integer({1, 1}, {2});
  EXPECT_THROW(node(), Error) << "beyond the tables";
}

}  // namespace
}  // namespace moliere::reference
