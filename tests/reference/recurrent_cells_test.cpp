// SPDX-License-Identifier: Apache-2.0
// Cells with the activation Affine (alpha 1, beta 0), whose results are worked out by hand.
#include "moliere/core/error.hpp"

#include <cmath>

#include "reference/one_node.hpp"

namespace moliere::reference {
namespace {

using Names = std::vector<std::string>;
const std::int64_t one = 1;

/// (S, 1, 1): one sequence of numbers.
Tensor steps(const std::vector<double>& x) {
  return real({static_cast<std::int64_t>(x.size()), 1, 1}, x);
}

/// h' = 2 x + h / 2 + 1.
OneNode linear_rnn(const Tensor& x, Attributes attributes = {}) {
  attributes["activations"] = Names{"Affine"};
  return {"RNN",
          {x, real({1, 1, 1}, {2}), real({1, 1, 1}, {0.5}), real({1, 2}, {0.75, 0.25})},
          std::move(attributes),
          2};
}

TEST(RNN, RunsForwardAndInReverse) {
  const auto forward = linear_rnn(steps({1, 2, 3})).run();
  expect_near(forward[0], real({3, 1, 1, 1}, {3, 6.5, 10.25}));
  expect_near(forward[1], real({1, 1, 1}, {10.25}));
  const auto reverse = linear_rnn(steps({1, 2, 3}), {{"direction", std::string("reverse")}}).run();
  expect_near(reverse[0], real({3, 1, 1, 1}, {7.25, 8.5, 7}));
  expect_near(reverse[1], real({1, 1, 1}, {7.25}));
}

TEST(RNN, BothDirectionsHaveWeightsAndActivationsOfTheirOwn) {
  const OneNode node{"RNN",
                     {steps({1, 2}), real({2, 1, 1}, {1, 10}), real({2, 1, 1}, {1, -1})},
                     {{"direction", std::string("bidirectional")},
                      {"activations", Names{"Affine", "Relu"}},
                      {"activation_alpha", std::vector<double>{2}},
                      {"activation_beta", std::vector<double>{0.5}}},
                     2};
  const auto results = node.run();
  // Forward: 2 (x + h) + 0.5; reverse: max(10 x - h, 0).
  expect_near(results[0], real({2, 2, 1, 1}, {2.5, 0, 9.5, 20}));
  expect_near(results[1], real({2, 1, 1}, {9.5, 0}));
}

TEST(RNN, SequencesEndWhereTheirLengthSays) {
  const Tensor x = real({3, 2, 1}, {1, 1, 2, 2, 3, 3});
  OneNode node = linear_rnn(x);
  node.inputs.push_back(integer({2}, {1, 3}));
  const auto forward = node.run();
  expect_near(forward[0], real({3, 1, 2, 1}, {3, 3, 0, 6.5, 0, 10.25}));
  expect_near(forward[1], real({1, 2, 1}, {3, 10.25}));
  node.attributes["direction"] = std::string("reverse");
  const auto reverse = node.run();
  expect_near(reverse[0], real({3, 1, 2, 1}, {3, 7.25, 0, 8.5, 0, 7}));
  expect_near(reverse[1], real({1, 2, 1}, {3, 7.25}));
}

TEST(RNN, StartsFromTheInitialStateAndClips) {
  OneNode node = linear_rnn(steps({1, 2}), {{"clip", 4.5}});
  node.inputs.push_back(std::nullopt);
  node.inputs.push_back(real({1, 1, 1}, {2}));
  expect_near(node(), real({2, 1, 1, 1}, {4, 4.5}));
}

TEST(RNN, StatesMixThroughTheWholeMatrix) {
  // h0' = x + 10 h1, h1' = x: an exchange of rows and columns would show.
  const OneNode node{"RNN",
                     {steps({1, 2}), real({1, 2, 1}, {1, 1}), real({1, 2, 2}, {0, 10, 0, 0})},
                     {{"activations", Names{"Affine"}}},
                     2};
  expect_near(node(), real({2, 1, 1, 2}, {1, 1, 12, 2}));
}

/// x = 1, h = 2.
OneNode linear_gru(std::int64_t linear_before_reset) {
  return {
      "GRU",
      {steps({1}), real({1, 3, 1}, {0.5, 0.25, 1}), real({1, 3, 1}, {0.125, 0.5, 2}),
       real({1, 6}, {0, 0, 1, 0, 0, 4}), std::nullopt, real({1, 1, 1}, {2})},
      {{"activations", Names{"Affine", "Affine"}}, {"linear_before_reset", linear_before_reset}},
      2};
}

TEST(GRU, ResetsBeforeOrAfterTheProduct) {
  // z = 0.75, r = 1.25; the candidate is 2 + 2 (1.25 2) + 4 = 11 or 2 + 1.25 (2 2 + 4) = 12.
  expect_near(linear_gru(0)(), real({1, 1, 1, 1}, {0.25 * 11 + 0.75 * 2}));
  expect_near(linear_gru(1)(), real({1, 1, 1, 1}, {0.25 * 12 + 0.75 * 2}));
}

TEST(GRU, HasSigmoidAndTanhUnlessItNamesOthers) {
  OneNode node = linear_gru(0);
  node.attributes.erase("activations");
  const double z = sigmoid(0.75);
  const double candidate = std::tanh(6 + 2 * 2 * sigmoid(1.25));
  expect_near(node(), real({1, 1, 1, 1}, {(1 - z) * candidate + z * 2}));
}

/// x = 1, h = 1, c = 2; gates in the order i, o, f, c.
OneNode linear_lstm(Attributes attributes = {}, bool peepholes = true) {
  attributes["activations"] = Names{"Affine", "Affine", "Affine"};
  OneNode node{"LSTM",
               {steps({1}), real({1, 4, 1}, {0.5, 1, 0.25, 3}),
                real({1, 4, 1}, {0.25, 0.5, 0.5, 1}), real({1, 8}, {0, 0, 0, 1, 0, 0, 0, 0}),
                std::nullopt, real({1, 1, 1}, {1}), real({1, 1, 1}, {2})},
               std::move(attributes),
               3};
  if (peepholes) node.inputs.push_back(real({1, 3}, {0.125, 0.25, 0.5}));
  return node;
}

void expect_lstm(const OneNode& node, double h, double c) {
  const auto results = node.run();
  expect_near(results[0], real({1, 1, 1, 1}, {h}));
  expect_near(results[1], real({1, 1, 1}, {h}));
  expect_near(results[2], real({1, 1, 1}, {c}));
}

TEST(LSTM, GatesStateAndPeepholes) {
  // i = 0.75, o = 1.5, f = 0.75, candidate = 5; the peepholes add c / 8, c' / 4 and c / 2.
  expect_lstm(linear_lstm({}, false), 1.5 * 5.25, 5.25);
  expect_lstm(linear_lstm(), (1.5 + 0.25 * 8.5) * 8.5, 8.5);
}

TEST(LSTM, CouplesInputAndForgetAndClips) {
  // i = 1: f = 0 where they are coupled.
  expect_lstm(linear_lstm({{"input_forget", one}}), 2.75 * 5, 5);
  expect_lstm(linear_lstm({{"clip", 1.0}}), 3, 3);
}

TEST(LSTM, ParametersOfActivationsAreUsedUpInOrder) {
  // The candidate is doubled: c' = 1.75 2 + 10.
  const OneNode node = linear_lstm({{"activation_alpha", std::vector<double>{1, 2, 1}}});
  expect_lstm(node, (1.5 + 0.25 * 13.5) * 13.5, 13.5);
}

TEST(LSTM, HasSigmoidTanhTanhUnlessItNamesOthers) {
  OneNode node = linear_lstm({}, false);
  node.attributes.erase("activations");
  const double c = sigmoid(0.75) * 2 + sigmoid(0.75) * std::tanh(5);
  expect_lstm(node, sigmoid(1.5) * std::tanh(c), c);
}

double activated(const char* name, double x, Attributes attributes = {}) {
  attributes["activations"] = Names{name};
  const OneNode node{
      "RNN", {steps({x}), real({1, 1, 1}, {1}), real({1, 1, 1}, {0})}, std::move(attributes), 2};
  return node().to_doubles()[0];
}

TEST(Activations, HaveTheValuesOfTheOperatorsOfTheirName) {
  for (const double x : {-2.5, -0.3, 0.4, 3.0}) {
    for (const char* name : {"Tanh", "Sigmoid", "Relu", "Softsign", "Softplus", "LeakyRelu", "Elu",
                             "HardSigmoid", "ThresholdedRelu"}) {
      const double expected = OneNode{name, {real({}, {x})}}().to_doubles()[0];
      EXPECT_NEAR(activated(name, x), expected, 1e-15) << name << " of " << x;
    }
  }
  const Attributes both{{"activation_alpha", std::vector<double>{2}},
                        {"activation_beta", std::vector<double>{0.5}}};
  EXPECT_NEAR(activated("ScaledTanh", 3, both), 2 * std::tanh(1.5), 1e-15);
  EXPECT_NEAR(activated("affine", 3, both), 6.5, 1e-15) << "names differ in case";
  EXPECT_THROW(activated("Gelu", 1), Error);
}

TEST(RNN, BadShapesAndAttributesAreErrors) {
  const OneNode good = linear_rnn(steps({1, 2}));
  EXPECT_NO_THROW(good());
  const auto with = [&](std::size_t index, const Tensor& tensor) {
    OneNode node = good;
    node.inputs.resize(std::max(node.inputs.size(), index + 1));
    node.inputs[index] = tensor;
    return node();
  };
  EXPECT_THROW(with(0, real({2, 1}, {1, 2})), Error);
  EXPECT_THROW(with(0, real({1, 1, 2}, {1, 2})), Error);
  EXPECT_THROW(with(1, real({2, 1, 1}, {1, 2})), Error) << "weights of two directions";
  EXPECT_THROW(with(2, real({1, 1, 2}, {1, 2})), Error);
  EXPECT_THROW(with(3, real({1, 1}, {1})), Error);
  EXPECT_THROW(with(4, integer({1}, {3})), Error) << "longer than the input";
  EXPECT_THROW(with(4, integer({1}, {-1})), Error);
  EXPECT_THROW(with(4, integer({2}, {1, 1})), Error);
  EXPECT_THROW(with(5, real({1, 1, 2}, {1, 2})), Error);
  EXPECT_THROW(linear_rnn(steps({1}), {{"direction", std::string("up")}})(), Error);
  OneNode twice = good;
  twice.attributes["activations"] = Names{"Tanh", "Tanh"};
  EXPECT_THROW(twice(), Error);
}

}  // namespace
}  // namespace moliere::reference
