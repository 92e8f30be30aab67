// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"

#include <cmath>

#include "reference/one_node.hpp"

namespace moliere::reference {
namespace {

Tensor lengths(const std::vector<std::int32_t>& values) {
  return Tensor::from<std::int32_t>({static_cast<std::int64_t>(values.size())}, values);
}

/// An operator with random weights: S = 4 steps, N = 2, I = 3, H = 2.
OneNode random_node(const char* op_type, std::int64_t gates, std::int64_t directions,
                    Attributes attributes = {}) {
  RandomStream random(seed_from("recurrent"));
  attributes["hidden_size"] = std::int64_t{2};
  OneNode node{op_type,
               {random_real({4, 2, 3}, random), random_real({directions, gates * 2, 3}, random),
                random_real({directions, gates * 2, 2}, random),
                random_real({directions, gates * 4}, random)},
               attributes,
               2};
  if (directions == 2) node.attributes["direction"] = std::string("bidirectional");
  return node;
}

struct Kind {
  const char* op_type;
  std::int64_t gates;
};
constexpr Kind kinds[] = {{"RNN", 1}, {"GRU", 3}, {"LSTM", 4}};

/// (S, N, ...) with the first two axes exchanged.
Tensor exchanged(const Tensor& x) {
  return OneNode{
      "Transpose", {x}, {{"perm", x.shape().size() == 3 ? Ints{1, 0, 2} : Ints{2, 0, 1, 3}}}}();
}

TEST(Recurrent, OneStepOfAnRnn) {
  const OneNode node{"RNN",
                     {real({1, 1, 1}, {2}), real({1, 1, 1}, {3}), real({1, 1, 1}, {5}),
                      real({1, 2}, {0.1, 0.2}), std::nullopt, real({1, 1, 1}, {-1})},
                     {},
                     2};
  expect_near(node.run()[1], real({1, 1, 1}, {std::tanh(2 * 3 + 0.1 - 5 + 0.2)}));
}

// Equations of the operator's definition, one number each: W = (i, o, f, c) and so on.
TEST(Recurrent, OneStepOfAnLstmWithPeepholes) {
  const double x = 0.5, h = 0.3, c = -0.4;
  const OneNode node{"LSTM",
                     {real({1, 1, 1}, {x}), real({1, 4, 1}, {1, 2, 3, 4}),
                      real({1, 4, 1}, {0.1, 0.2, 0.3, 0.4}), std::nullopt, std::nullopt,
                      real({1, 1, 1}, {h}), real({1, 1, 1}, {c}), real({1, 3}, {0.7, 0.8, 0.9})},
                     {},
                     3};
  const double input = sigmoid(x + 0.1 * h + 0.7 * c);
  const double forget = sigmoid(3 * x + 0.3 * h + 0.9 * c);
  const double next = forget * c + input * std::tanh(4 * x + 0.4 * h);
  const double output = sigmoid(2 * x + 0.2 * h + 0.8 * next);
  const auto results = node.run();
  expect_near(results[1], real({1, 1, 1}, {output * std::tanh(next)}));
  expect_near(results[2], real({1, 1, 1}, {next}));
  OneNode coupled = node;
  coupled.attributes["input_forget"] = std::int64_t{1};
  expect_near(coupled.run()[2],
              real({1, 1, 1}, {(1 - input) * c + input * std::tanh(4 * x + 0.4 * h)}));
}

TEST(Recurrent, OneStepOfAGruBothWays) {
  const double x = 0.5, h = 0.3;
  OneNode node{"GRU",
               {real({1, 1, 1}, {x}), real({1, 3, 1}, {1, 2, 3}), real({1, 3, 1}, {0.1, 0.2, 0.3}),
                real({1, 6}, {0, 0, 0.5, 0, 0, 0.25}), std::nullopt, real({1, 1, 1}, {h})},
               {},
               2};
  const double update = sigmoid(x + 0.1 * h);
  const double reset = sigmoid(2 * x + 0.2 * h);
  const double after = std::tanh(3 * x + 0.5 + 0.3 * (reset * h) + 0.25);
  const double before = std::tanh(3 * x + 0.5 + reset * (0.3 * h + 0.25));
  expect_near(node.run()[1], real({1, 1, 1}, {(1 - update) * after + update * h}));
  node.attributes["linear_before_reset"] = std::int64_t{1};
  expect_near(node.run()[1], real({1, 1, 1}, {(1 - update) * before + update * h}));
}

TEST(Recurrent, ReverseIsForwardOnReversedTime) {
  for (const Kind& kind : kinds) {
    const OneNode forward = random_node(kind.op_type, kind.gates, 1);
    OneNode reverse = forward;
    reverse.attributes["direction"] = std::string("reverse");
    const Tensor turned =
        OneNode{"ReverseSequence",
                {*forward.inputs[0], integer({2}, {4, 4})},
                {{"time_axis", std::int64_t{0}}, {"batch_axis", std::int64_t{1}}}}();
    reverse.inputs[0] = turned;
    expect_near(reverse.run()[1], forward.run()[1]);
  }
}

TEST(Recurrent, BatchFirstIsTheSameTransposed) {
  for (const Kind& kind : kinds) {
    const OneNode node = random_node(kind.op_type, kind.gates, 2);
    OneNode batch_first = node;
    batch_first.attributes["layout"] = std::int64_t{1};
    batch_first.inputs[0] = exchanged(*node.inputs[0]);
    // (S, D, N, H) -> (N, S, D, H), (D, N, H) -> (N, D, H)
    expect_near(batch_first.run()[0], exchanged(node.run()[0]));
    expect_near(batch_first.run()[1], exchanged(node.run()[1]));
  }
}

TEST(Recurrent, AShortSequenceEndsEarly) {
  for (const Kind& kind : kinds) {
    OneNode node = random_node(kind.op_type, kind.gates, 2);
    const auto whole = node.run();
    node.inputs.push_back(lengths({4, 0}));
    const auto cut = node.run();
    // The first sequence is whole, the second has no step: zeros.
    for (std::size_t d = 0; d < 2; ++d) {
      for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(cut[1].to_doubles()[d * 4 + i], whole[1].to_doubles()[d * 4 + i]);
        EXPECT_EQ(cut[1].to_doubles()[d * 4 + 2 + i], 0);
      }
    }
    node.inputs[4] = lengths({4, 5});
    EXPECT_THROW(node(), Error);
    node.inputs[4] = lengths({4});
    EXPECT_THROW(node(), Error);
  }
}

TEST(Recurrent, ClipLimitsWhatGoesIntoTheActivation) {
  const OneNode node{"RNN",
                     {real({1, 1, 1}, {100}), real({1, 1, 1}, {1}), real({1, 1, 1}, {0})},
                     {{"clip", 0.5}},
                     2};
  expect_near(node.run()[1], real({1, 1, 1}, {std::tanh(0.5)}));
}

TEST(Recurrent, ParametersGoToTheActivationsThatHaveAny) {
  OneNode node{"RNN",
               {real({1, 1, 1}, {-2}), real({2, 1, 1}, {1, 1}), real({2, 1, 1}, {0, 0})},
               {{"direction", std::string("bidirectional")},
                {"activations", std::vector<std::string>{"Relu", "LeakyRelu"}},
                {"activation_alpha", std::vector<double>{0.5}}},
               2};
  expect_near(node.run()[1], real({2, 1, 1}, {0, -1}));
  node.attributes["activations"] = std::vector<std::string>{"Relu", "Perceptron"};
  EXPECT_THROW(node(), Error);
  node.attributes["activations"] = std::vector<std::string>{"Relu", "Relu", "Relu"};
  EXPECT_THROW(node(), Error);
}

TEST(Recurrent, WeightsOfTheWrongShapeAreErrors) {
  for (const Kind& kind : kinds) {
    for (const std::size_t input : {1U, 2U, 3U}) {
      OneNode node = random_node(kind.op_type, kind.gates, 1);
      node.inputs[input] = random_node(kind.op_type, kind.gates, 2).inputs[input];
      EXPECT_THROW(node(), Error) << kind.op_type << " input " << input;
    }
  }
}

}  // namespace
}  // namespace moliere::reference
