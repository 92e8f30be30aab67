// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/verification.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/onnx/builder.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::bench {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

Tensor real(const std::vector<double>& elements) {
  return Tensor::from<double>({static_cast<std::int64_t>(elements.size())}, elements);
}
Tensor single(const std::vector<float>& elements) {
  return Tensor::from<float>({static_cast<std::int64_t>(elements.size())}, elements);
}
Tensor integer(const std::vector<std::int64_t>& elements) {
  return Tensor::from<std::int64_t>({static_cast<std::int64_t>(elements.size())}, elements);
}

/// An output with these values for its inputs, and the thresholds that follow.
ExpectedOutput output_of(std::vector<Tensor> values, double float32_error = 0,
                         bool discontinuous = false) {
  ExpectedOutput output;
  output.name = "y";
  output.values = std::move(values);
  output.float32_error = float32_error;
  output.discontinuous = discontinuous;
  set_thresholds(output);
  return output;
}

/// Four inputs, two elements: of the second, -3, -1, 1, 3 have the mean 0 and the variance 5.
ExpectedOutput four_inputs(double float32_error = 0) {
  return output_of({real({7, -3}), real({7, -1}), real({7, 1}), real({7, 3})}, float32_error);
}

TEST(Thresholds, SpreadIsTheLargestDeviationOverTheInputs) {
  const ExpectedOutput output = four_inputs();
  EXPECT_NEAR(output.spread, std::sqrt(5.0), 1e-14);
  EXPECT_EQ(output.magnitude, 7);
  EXPECT_FALSE(output.constant);
}

TEST(Thresholds, NumbersThatAreNotFiniteAreLeftOut) {
  // The finite values of the one element are 4, 4, 4: it does not vary. Of the other 1 and 3.
  const ExpectedOutput output =
      output_of({real({infinity, nan}), real({4, 1}), real({4, -infinity}), real({4, 3})});
  EXPECT_NEAR(output.spread, 1.0, 1e-14);
  EXPECT_EQ(output.magnitude, 4);
}

TEST(Thresholds, AreTenTimesTheErrorInFloat32) {
  EXPECT_EQ(four_inputs(0).threshold, 1e-4);
  EXPECT_EQ(four_inputs(0.99e-5).threshold, 1e-4);
  EXPECT_NEAR(four_inputs(1e-3).threshold, 1e-2, 1e-15);
  EXPECT_EQ(output_of({integer({1}), integer({2})}, 0, true).threshold, 1e-3);
}

/// Four values around 1 whose standard deviation is `deviation`.
ExpectedOutput around_one(double deviation) {
  return output_of(
      {real({1 - deviation}), real({1 + deviation}), real({1 - deviation}), real({1 + deviation})});
}

TEST(Thresholds, ConstantBelowAHundredRoundings) {
  const double border = 100 * 0x1p-24;
  EXPECT_TRUE(around_one(0.999 * border).constant);
  EXPECT_FALSE(around_one(1.001 * border).constant);
  EXPECT_TRUE(output_of({real({0}), real({0}), real({0}), real({0})}).constant);
}

TEST(Thresholds, AShapeThatChangesDependsOnTheInput) {
  const ExpectedOutput output = output_of({real({2}), real({2, 2}), real({2}), real({2})});
  EXPECT_FALSE(output.constant);
  EXPECT_EQ(output.spread, 2);
}

TEST(CompareOutput, ErrorIsInUnitsOfTheSpread) {
  const ExpectedOutput output = four_inputs();
  const Comparison comparison = compare_output(output, 1, single({7.5F, -1.25F}));
  EXPECT_THAT(comparison.mismatch, IsEmpty());
  EXPECT_NEAR(comparison.error, 0.5 / std::sqrt(5.0), 1e-14);
  EXPECT_EQ(compare_output(output, 3, real({7, 3})).error, 0);
  EXPECT_GT(compare_output(output, 2, real({7, 3})).error, 0.8) << "the answer for another input";
}

TEST(CompareOutput, ShapesAndTypesMustFit) {
  const ExpectedOutput output = four_inputs();
  EXPECT_THAT(compare_output(output, 0, real({7, -3, 0})).mismatch,
              HasSubstr("shape (3) instead of (2)"));
  EXPECT_THAT(compare_output(output, 0, real({7, -3}).reshaped({1, 2})).mismatch,
              HasSubstr("shape (1, 2)"));
  EXPECT_THAT(compare_output(output, 0, integer({7, -3})).mismatch, HasSubstr("int64"));
}

TEST(CompareOutput, NumbersThatAreNotFiniteMustBeTheSame) {
  const ExpectedOutput output =
      output_of({real({nan, infinity, 1}), real({1, 1, 2}), real({1, 1, 3}), real({1, 1, 4})});
  EXPECT_THAT(compare_output(output, 0, real({nan, infinity, 1})).mismatch, IsEmpty());
  EXPECT_EQ(compare_output(output, 0, real({nan, infinity, 1})).error, 0);
  EXPECT_THAT(compare_output(output, 0, real({nan, infinity, nan})).mismatch,
              HasSubstr("nan instead of 1 at element 2"));
  EXPECT_THAT(compare_output(output, 0, real({1, infinity, 1})).mismatch,
              HasSubstr("1 instead of nan at element 0"));
  EXPECT_THAT(compare_output(output, 0, real({nan, -infinity, 1})).mismatch,
              HasSubstr("-inf instead of inf at element 1"));
  EXPECT_THAT(compare_output(output, 0, real({nan, 1e300, 1})).mismatch, HasSubstr("element 1"));
  EXPECT_THAT(compare_output(output, 1, real({1, infinity, 2})).mismatch, HasSubstr("element 1"));
}

TEST(CompareOutput, DiscontinuousOutputsCountElements) {
  // Whole numbers far apart: one step is no rounding.
  const ExpectedOutput index = output_of({integer({0, 0, 0, 0}), integer({1000000, 0, 0, 0}),
                                          integer({5, 0, 0, 0}), integer({9, 0, 0, 0})},
                                         0, true);
  EXPECT_EQ(compare_output(index, 1, integer({1000000, 0, 0, 0})).error, 0);
  EXPECT_EQ(compare_output(index, 1, integer({1000001, 0, 0, 0})).error, 0.25);
  EXPECT_EQ(compare_output(index, 1, integer({1, 2, 3, 4})).error, 1);

  // A real one may be off by its rounding: 1e-4 of the spread.
  const ExpectedOutput step =
      output_of({real({0, 0}), real({2, 2}), real({0, 0}), real({2, 2})}, 0, true);
  EXPECT_EQ(step.spread, 1);
  EXPECT_EQ(compare_output(step, 1, real({2.00009, 2})).error, 0);
  EXPECT_EQ(compare_output(step, 1, real({2.00011, 2})).error, 0.5);
  EXPECT_EQ(compare_output(step, 1, real({nan, infinity})).error, 1);
}

Expectation expectation_of(std::vector<ExpectedOutput> outputs) {
  Expectation expectation;
  expectation.inputs = outputs.at(0).values.size();
  expectation.outputs = std::move(outputs);
  return expectation;
}

TEST(Verifier, SaysWhatItFound) {
  const Expectation expectation = expectation_of({four_inputs()});
  Verifier verifier(expectation);
  EXPECT_EQ(verifier.result().check, Check::unverified);
  EXPECT_THAT(verifier.result().reason, HasSubstr("no output was seen"));

  verifier.add(0, std::vector{real({7, -3})}, false);
  verifier.add(1, std::vector{real({7, -1.0001})}, false);
  verifier.add(4, std::vector{real({0, 0})}, false);  // beyond the expectation
  const Verification found = verifier.result();
  EXPECT_EQ(found.check, Check::verified);
  EXPECT_NEAR(found.error, 1e-4 / std::sqrt(5.0), 1e-12);
  EXPECT_EQ(found.threshold, 1e-4);
  EXPECT_EQ(found.inputs, 2U);
  EXPECT_EQ(found.worst_output, "y");
  EXPECT_THAT(found.reason, IsEmpty());
}

TEST(Verifier, OneWrongAnswerIsEnough) {
  const Expectation expectation = expectation_of({four_inputs()});
  Verifier verifier(expectation);
  verifier.add(0, std::vector{real({7, -3})}, false);
  verifier.add(1, std::vector{real({7, -1.001})}, true);
  verifier.add(2, std::vector{real({7, 1})}, false);
  const Verification found = verifier.result();
  EXPECT_EQ(found.check, Check::wrong);
  EXPECT_NEAR(found.error, 1e-3 / std::sqrt(5.0), 1e-12);
  EXPECT_THAT(found.reason, HasSubstr("above 0.0001 in output y of input 1, only in a later call"));

  Verifier other(expectation);
  other.add(0, std::vector{real({7, nan})}, false);
  EXPECT_EQ(other.result().check, Check::wrong);
  EXPECT_THAT(other.result().reason, HasSubstr("nan instead of -3"));
}

TEST(Verifier, JudgesEachOutputByItsOwnThreshold) {
  ExpectedOutput tolerant = four_inputs(1e-2);  // threshold 0.1
  tolerant.name = "tolerant";
  const Expectation expectation = expectation_of({tolerant, four_inputs()});
  const double off = 5e-5 * std::sqrt(5.0);  // half of the strict output's threshold
  Verifier verifier(expectation);
  verifier.add(0, std::vector{real({7, -3.01}), real({7, -3 + off})}, false);
  EXPECT_EQ(verifier.result().check, Check::verified);
  EXPECT_EQ(verifier.result().worst_output, "y") << "nearest to its threshold, not largest";
  verifier.add(0, std::vector{real({7, -3}), real({7, -3.01})}, false);
  EXPECT_EQ(verifier.result().check, Check::wrong);
}

TEST(Verifier, ConstantOutputsTestNothing) {
  const ExpectedOutput constant = output_of({real({1}), real({1}), real({1}), real({1})});
  const Expectation nothing = expectation_of({constant});
  Verifier verifier(nothing);
  verifier.add(0, std::vector{real({1})}, false);
  EXPECT_EQ(verifier.result().check, Check::does_not_depend_on_input);
  verifier.add(0, std::vector{real({1, 1})}, false);
  EXPECT_EQ(verifier.result().check, Check::wrong) << "the shape still has to be right";

  const Expectation one_of_two = expectation_of({constant, four_inputs()});
  Verifier other(one_of_two);
  other.add(0, std::vector{real({1}), real({7, -3})}, false);
  EXPECT_EQ(other.result().check, Check::verified);
  EXPECT_EQ(other.result().worst_output, "y");
}

TEST(Verifier, PassesOnWhyNothingCanBeVerified) {
  Expectation expectation;
  expectation.unverifiable = "the reference lacks Foo";
  Verifier verifier(expectation);
  verifier.add(0, {}, false);
  EXPECT_EQ(verifier.result().check, Check::unverified);
  EXPECT_EQ(verifier.result().reason, "the reference lacks Foo");
}

TEST(Checks, HaveNames) {
  for (const Check check :
       {Check::verified, Check::wrong, Check::does_not_depend_on_input, Check::unverified}) {
    EXPECT_EQ(check_from_string(to_string(check)), check);
  }
  EXPECT_EQ(check_from_string("right"), std::nullopt);
}

/// x (2) -> y = Exp(x), index = ArgMax(x), after = Cast(index) + y.
onnx::Model small_model(const std::string& op = "Exp") {
  onnx::GraphBuilder builder("small");
  const std::string x = builder.input("x", DataType::float32, {{.value = 2}});
  builder.node(op, {x}, {}, {"y"});
  builder.node("ArgMax", {x}, {{"axis", std::int64_t{0}}}, {"index"});
  const std::string number = builder.node("Cast", {"index"}, {{"to", std::int64_t{1}}});
  builder.node("Add", {number, "y"}, {}, {"after"});
  builder.output("y", DataType::float32, {{.value = 2}});
  builder.output("index", DataType::int64, {{.value = 1}});
  builder.output("after", DataType::float32, {{.value = 2}});
  return builder.build();
}

std::vector<std::vector<Tensor>> small_inputs() {
  std::vector<std::vector<Tensor>> sets;
  for (const float x : {0.0F, 0.3F, 0.6F, 0.9F, 1.2F}) sets.push_back({single({x, 0.5F})});
  return sets;
}

class Expect : public testing::Test {
 protected:
  Expectation expected(double flops = 10, const onnx::Model& model = small_model()) {
    SilentProgress progress;
    return expect(model, inputs, flops, limits, cache.path(), progress);
  }
  /// The only file of the cache.
  fs::path cached_file() const {
    for (const auto& entry : fs::directory_iterator(cache.path() / "expected")) return entry;
    ADD_FAILURE() << "nothing was cached";
    return {};
  }

  TemporaryDirectory cache{"moliere-expected"};
  VerificationLimits limits;
  std::vector<std::vector<Tensor>> inputs = small_inputs();
};

TEST_F(Expect, EvaluatesTheReference) {
  const Expectation found = expected();
  ASSERT_EQ(found.outputs.size(), 3U);
  EXPECT_EQ(found.inputs, 5U);
  EXPECT_THAT(found.unverifiable, IsEmpty());
  EXPECT_FALSE(found.from_cache);
  const ExpectedOutput& y = found.outputs[0];
  EXPECT_EQ(y.name, "y");
  ASSERT_EQ(y.values.size(), 5U);
  EXPECT_EQ(y.values[2].type(), DataType::float64);
  EXPECT_NEAR(y.values[2].to_doubles()[0], std::exp(static_cast<double>(0.6F)), 1e-15);
  EXPECT_GT(y.float32_error, 0);
  EXPECT_LT(y.float32_error, 1e-6);
  EXPECT_FALSE(y.discontinuous);
  EXPECT_TRUE(found.outputs[1].discontinuous);
  EXPECT_EQ(found.outputs[1].values[4].type(), DataType::int64);
  EXPECT_TRUE(found.outputs[2].discontinuous) << "a jump comes before it";
}

TEST_F(Expect, EvaluatesFewInputsOfAHeavyModel) {
  EXPECT_EQ(expected(limits.flops_for_all).inputs, 5U);
  EXPECT_EQ(expected(1.01 * limits.flops_for_all).inputs, 4U);
}

TEST_F(Expect, OneInputAloneSaysNothingOfTheSpread) {
  inputs.resize(1);
  const ExpectedOutput y = expected().outputs.at(0);
  EXPECT_FALSE(y.constant);
  EXPECT_EQ(y.spread, y.magnitude);
}

TEST_F(Expect, SaysWhatTheReferenceLacks) {
  const Expectation found = expected(10, small_model("NoSuchOperator"));
  EXPECT_THAT(found.outputs, IsEmpty());
  EXPECT_THAT(found.unverifiable, HasSubstr("NoSuchOperator"));
}

TEST_F(Expect, IsCachedByContent) {
  const Expectation first = expected();
  const Expectation second = expected();
  EXPECT_TRUE(second.from_cache);
  ASSERT_EQ(second.outputs.size(), first.outputs.size());
  for (std::size_t i = 0; i < first.outputs.size(); ++i) {
    EXPECT_EQ(second.outputs[i].name, first.outputs[i].name);
    EXPECT_EQ(second.outputs[i].values, first.outputs[i].values);
    EXPECT_EQ(second.outputs[i].spread, first.outputs[i].spread);
    EXPECT_EQ(second.outputs[i].threshold, first.outputs[i].threshold);
    EXPECT_EQ(second.outputs[i].float32_error, first.outputs[i].float32_error);
    EXPECT_EQ(second.outputs[i].discontinuous, first.outputs[i].discontinuous);
  }
  EXPECT_FALSE(expected(10, small_model("Tanh")).from_cache);
  inputs[0][0] = single({0.1F, 0.5F});
  EXPECT_FALSE(expected().from_cache);
}

TEST_F(Expect, IgnoresADamagedCache) {
  const std::vector<Tensor> truth = expected().outputs.at(0).values;
  const fs::path file = cached_file();
  const std::string good = read_text(file);
  std::string flipped = good;
  flipped.back() ^= 1;
  for (const std::string& bad :
       {std::string(), std::string("{}"), std::string("no cache\n"),
        good.substr(0, good.size() - 1), good.substr(0, good.find('\n')), good + "x", flipped}) {
    write_atomically(file, bad);
    const Expectation found = expected();
    EXPECT_FALSE(found.from_cache) << bad.size() << " bytes";
    EXPECT_EQ(found.outputs.at(0).values, truth);
    EXPECT_EQ(read_text(file), good) << "mended";
  }
}

TEST_F(Expect, DoesWithoutACache) {
  SilentProgress progress;
  EXPECT_EQ(expect(small_model(), inputs, 10, limits, "/dev/null/cache", progress).inputs, 5U);
}

TEST(ExpectGiven, TakesTheUsersWord) {
  const auto set = [](float y) {
    return std::vector{single({y, y}), integer({0}), single({y, y})};
  };
  const Expectation few = expect_given(small_model(), {set(3), set(5)});
  EXPECT_EQ(few.inputs, 2U);
  ASSERT_EQ(few.outputs.size(), 3U);
  EXPECT_EQ(few.outputs[0].spread, 5) << "the magnitude: two sets tell little";
  EXPECT_FALSE(few.outputs[0].constant);
  EXPECT_TRUE(few.outputs[1].discontinuous);
  EXPECT_TRUE(few.outputs[2].discontinuous);

  const Expectation enough = expect_given(small_model(), {set(3), set(5), set(3), set(5)});
  EXPECT_EQ(enough.outputs[0].spread, 1);
}

TEST(ExpectGiven, RefusesAnotherNumberOfOutputs) {
  EXPECT_THROW(expect_given(small_model(), {{single({1, 2})}}), Error);
}

}  // namespace
}  // namespace moliere::bench
