// SPDX-License-Identifier: Apache-2.0
// Attention that goes on from a past: keys and values, or the state of LinearAttention.
#include "moliere/core/error.hpp"

#include <cmath>

#include "reference/one_node.hpp"

namespace moliere::reference {
namespace {

/// The positions [begin, end) of axis 2.
Tensor part(const Tensor& x, std::int64_t begin, std::int64_t end) {
  return OneNode{"Slice", {x, integer({1}, {begin}), integer({1}, {end}), integer({1}, {2})}}();
}

TEST(Attention, GoesOnFromPastKeysAsIfAllHadComeAtOnce) {
  RandomStream random(seed_from("past"));
  const Tensor q = random_real({2, 4, 5, 3}, random);
  const Tensor k = random_real({2, 4, 5, 3}, random);
  const Tensor v = random_real({2, 4, 5, 2}, random);
  const Attributes causal{{"is_causal", std::int64_t{1}}};
  const Tensor whole = OneNode{"Attention", {q, k, v}, causal}();
  const OneNode later{
      "Attention",
      {part(q, 3, 5), part(k, 3, 5), part(v, 3, 5), std::nullopt, part(k, 0, 3), part(v, 0, 3)},
      causal,
      3};
  const auto results = later.run();
  expect_near(results[0], part(whole, 3, 5));
  expect_near(results[1], k);
  expect_near(results[2], v);
  // The first query sees the first key alone.
  expect_near(part(whole, 0, 1), part(v, 0, 1));
}

TEST(LinearAttention, UpdatesItsStateTokenByToken) {
  const auto run = [](const char* rule, std::optional<Tensor> decay, std::optional<Tensor> rate) {
    const Tensor q = real({1, 2, 1}, {1, 1});
    const Tensor k = real({1, 2, 1}, {2, 3});
    const Tensor v = real({1, 2, 1}, {5, 7});
    const OneNode node{"LinearAttention",
                       {q, k, v, std::nullopt, std::move(decay), std::move(rate)},
                       {{"update_rule", std::string(rule)},
                        {"q_num_heads", std::int64_t{1}},
                        {"kv_num_heads", std::int64_t{1}}},
                       2,
                       27};
    return node.run();
  };
  const Tensor halves = real({1, 2, 1}, {-std::log(2.0), -std::log(2.0)});
  const Tensor rates = real({1, 2, 1}, {1, 0.5});
  // S = 2 5 = 10, then 10 + 3 7 = 31.
  const auto linear = run("linear", std::nullopt, std::nullopt);
  expect_near(linear[0], real({1, 2, 1}, {10, 31}));
  expect_near(linear[1], real({1, 1, 1, 1}, {31}));
  expect_near(run("gated", halves, std::nullopt)[0], real({1, 2, 1}, {10, 26}));
  // 10 + 3 (7 - 30) / 2.
  expect_near(run("delta", std::nullopt, rates)[0], real({1, 2, 1}, {10, -24.5}));
  // 5 + 3 (7 - 15) / 2.
  expect_near(run("gated_delta", halves, rates)[0], real({1, 2, 1}, {10, -7}));
  EXPECT_THROW(run("gated", std::nullopt, std::nullopt), Error);
  EXPECT_THROW(run("quadratic", std::nullopt, std::nullopt), Error);
}

}  // namespace
}  // namespace moliere::reference
