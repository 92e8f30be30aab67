// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/inputs.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/hash.hpp"
#include "moliere/onnx/builder.hpp"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::bench {
namespace {
using onnx::Dimension;
using onnx::GraphBuilder;
using testing::AllOf;
using testing::Each;
using testing::Ge;
using testing::HasSubstr;
using testing::Lt;
using testing::ThrowsMessage;

std::vector<Dimension> extents(const Shape& shape) {
  std::vector<Dimension> result;
  for (const std::int64_t extent : shape) result.push_back({.value = extent});
  return result;
}

/// One input of `shape` that goes through Identity.
onnx::Model plain_model(DataType type, const Shape& shape, const std::string& name = "plain") {
  GraphBuilder builder(name);
  builder.input("x", type, extents(shape));
  builder.node("Identity", {"x"}, {}, {"y"});
  builder.output("y", type, extents(shape));
  return builder.build();
}

std::string hash_of(const std::vector<std::vector<Tensor>>& sets) {
  ContentHash hash;
  for (const std::vector<Tensor>& set : sets) {
    for (const Tensor& tensor : set) hash.add(tensor.bytes());
  }
  return hash.hex();
}

/// Every element of the first input over `count` sets.
std::vector<double> drawn(const onnx::Model& model, std::size_t count = 200,
                          const InputOptions& options = {}) {
  std::vector<double> all;
  for (const std::vector<Tensor>& set : generate_inputs(model, count, options)) {
    const std::vector<double> values = set.at(0).to_doubles();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

/// Draws enough to see every whole number from `low` to `high`, and none beside them.
void expect_range(const onnx::Model& model, double low, double high) {
  const std::vector<double> values = drawn(model);
  const auto [least, most] = std::ranges::minmax(values);
  EXPECT_EQ(least, low);
  EXPECT_EQ(most, high);
  EXPECT_EQ(std::set<double>(values.begin(), values.end()).size(),
            static_cast<std::size_t>(high - low + 1));
}

TEST(GenerateInputs, SameBytesForASeedOnEveryMachine) {
  const onnx::Model floats = plain_model(DataType::float32, {3, 7});
  EXPECT_EQ(hash_of(generate_inputs(floats, 4, {.seed = 1})), "b6184eabfbbddfddcf8a89648c34fdce");
  EXPECT_EQ(hash_of(generate_inputs(plain_model(DataType::float16, {5}), 2, {.seed = 7})),
            "4c31de74230f216aa12e530656e4b075");
  InputOptions options;
  options.ranges["x"] = {-3, 12};
  EXPECT_EQ(hash_of(generate_inputs(plain_model(DataType::int64, {9}), 2, options)),
            "7e3824e1fcbfbc4faf4a393a5de2ab63");
}

TEST(GenerateInputs, EachSetSeedModelAndInputIsItsOwn) {
  GraphBuilder builder("two");
  builder.input("a", DataType::float32, extents({8}));
  builder.input("b", DataType::float32, extents({8}));
  builder.node("Add", {"a", "b"}, {}, {"y"});
  builder.output("y", DataType::float32, extents({8}));
  const auto sets = generate_inputs(builder.build(), 3, {});
  EXPECT_NE(sets[0][0], sets[0][1]);
  EXPECT_NE(sets[0][0], sets[1][0]);
  EXPECT_NE(sets[0][0], sets[1][1]);

  const auto first = [](const onnx::Model& model, std::uint64_t seed) {
    return generate_inputs(model, 1, {.seed = seed}).at(0).at(0);
  };
  const onnx::Model model = plain_model(DataType::float32, {8});
  EXPECT_EQ(first(model, 1), first(model, 1));
  EXPECT_NE(first(model, 1), first(model, 2));
  EXPECT_NE(first(model, 1), first(plain_model(DataType::float32, {8}, "other"), 1));
  // More sets leave the first ones as they are.
  EXPECT_EQ(generate_inputs(model, 5, {})[1], generate_inputs(model, 2, {})[1]);
}

TEST(GenerateInputs, FloatsAreUniform) {
  const std::vector<double> values = drawn(plain_model(DataType::float32, {100}));
  EXPECT_THAT(values, Each(AllOf(Ge(0), Lt(1))));
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  EXPECT_NEAR(mean, 0.5, 0.01);  // 20 000 draws: five standard deviations

  InputOptions options;
  options.ranges["x"] = {-4, -2};
  EXPECT_THAT(drawn(plain_model(DataType::float64, {50}), 2, options), Each(AllOf(Ge(-4), Lt(-2))));
}

TEST(GenerateInputs, BooleansAreEither) {
  GraphBuilder builder("choice");
  builder.input("x", DataType::boolean, extents({10}));
  builder.node("Not", {"x"}, {}, {"y"});
  builder.output("y", DataType::boolean, extents({10}));
  const std::vector<double> values = drawn(builder.build());
  EXPECT_NEAR(static_cast<double>(std::ranges::count(values, 1.0)), 1000, 120);
}

/// Gather from (5, 3) along `axis`; the index is int32 and cast first where `cast` says so.
onnx::Model gather_model(std::int64_t axis, bool cast) {
  GraphBuilder builder("gather");
  builder.input("x", cast ? DataType::int32 : DataType::int64, extents({4}));
  builder.initializer("table", Tensor(DataType::float32, {5, 3}));
  std::string index = "x";
  if (cast) {
    index = builder.node("Cast", {"x"}, {{"to", std::int64_t{7}}});
    index = builder.node(
        "Reshape", {index, builder.initializer("all", Tensor::from<std::int64_t>(
                                                          {1}, std::vector<std::int64_t>{-1}))});
  }
  builder.node("Gather", {"table", index}, {{"axis", axis}}, {"y"});
  builder.output("y", DataType::float32, {});
  return builder.build();
}

TEST(IntegerInputs, IndicesOfGather) {
  expect_range(gather_model(0, false), 0, 4);
  expect_range(gather_model(1, false), 0, 2);
  expect_range(gather_model(-1, false), 0, 2);
  expect_range(gather_model(0, true), 0, 4);
}

TEST(IntegerInputs, TheNarrowestConsumerCounts) {
  GraphBuilder builder("both");
  builder.input("x", DataType::int64, extents({4}));
  builder.initializer("long", Tensor(DataType::float32, {50}));
  builder.initializer("short", Tensor(DataType::float32, {6}));
  builder.node("Gather", {"long", "x"}, {}, {"a"});
  builder.node("Gather", {"short", "x"}, {}, {"b"});
  builder.node("Add", {"a", "b"}, {}, {"y"});
  builder.output("y", DataType::float32, {});
  expect_range(builder.build(), 0, 5);
}

TEST(IntegerInputs, TuplesOfScatterND) {
  GraphBuilder builder("scatter");
  builder.input("x", DataType::int64, extents({2, 2}));
  builder.initializer("data", Tensor(DataType::float32, {9, 4, 2}));
  builder.initializer("updates", Tensor(DataType::float32, {2, 2}));
  builder.node("ScatterND", {"data", "x", "updates"}, {}, {"y"});
  builder.output("y", DataType::float32, {});
  expect_range(builder.build(), 0, 3);  // the smaller of 9 and 4; the third axis is not indexed
}

TEST(IntegerInputs, TuplesOfGatherNDBehindSharedAxes) {
  GraphBuilder builder("gather_nd");
  builder.input("x", DataType::int64, extents({2, 3, 1}));
  builder.initializer("data", Tensor(DataType::float32, {2, 9, 4}));
  builder.node("GatherND", {"data", "x"}, {{"batch_dims", std::int64_t{1}}}, {"y"});
  builder.output("y", DataType::float32, {});
  expect_range(builder.build(), 0, 8);  // the axis of 9; the one of 2 is shared, not indexed
}

TEST(IntegerInputs, IndicesThatAreCutAndJoinedOnTheWay) {
  GraphBuilder builder("joined");
  builder.input("x", DataType::int64, extents({4}));
  builder.initializer("first", Tensor::from<std::int64_t>({1}, std::vector<std::int64_t>{0}));
  builder.initializer("table", Tensor(DataType::float32, {5, 3}));
  builder.node("Gather", {"x", "first"}, {}, {"head"});
  builder.node("Concat", {"head", "x"}, {{"axis", std::int64_t{0}}}, {"all"});
  builder.node("Gather", {"table", "all"}, {}, {"y"});
  builder.output("y", DataType::float32, {});
  expect_range(builder.build(), 0, 4);
}

TEST(IntegerInputs, ClassesOfOneHot) {
  GraphBuilder builder("one_hot");
  builder.input("x", DataType::int64, extents({3}));
  builder.initializer("depth", Tensor::from<std::int64_t>({1}, std::vector<std::int64_t>{7}));
  builder.initializer("values", Tensor::from<float>({2}, std::vector<float>{0, 1}));
  builder.node("OneHot", {"x", "depth", "values"}, {}, {"y"});
  builder.output("y", DataType::float32, extents({3, 7}));
  expect_range(builder.build(), 0, 6);
}

TEST(IntegerInputs, LengthsOfSequences) {
  GraphBuilder builder("recurrent");
  builder.input("x", DataType::int32, extents({2}));  // first, so that drawn() looks at it
  builder.input("sequence", DataType::float32, extents({6, 2, 3}));
  builder.initializer("w", Tensor(DataType::float32, {1, 4, 3}));
  builder.initializer("r", Tensor(DataType::float32, {1, 4, 4}));
  builder.node("RNN", {"sequence", "w", "r", "", "x"}, {{"hidden_size", std::int64_t{4}}}, {"y"});
  builder.output("y", DataType::float32, {});
  expect_range(builder.build(), 1, 6);
}

TEST(IntegerInputs, ArithmeticTakesSmallNumbers) {
  GraphBuilder builder("arithmetic");
  builder.input("x", DataType::int64, extents({20}));
  builder.node("Mul", {"x", "x"}, {}, {"y"});
  builder.output("y", DataType::int64, extents({20}));
  expect_range(builder.build(), -10, 10);
}

TEST(IntegerInputs, AsksWhereTheRangeCannotBeKnown) {
  const onnx::Model model = plain_model(DataType::int64, {4});
  EXPECT_THAT([&] { generate_inputs(model, 1, {}); },
              ThrowsMessage<Error>(AllOf(HasSubstr("'x'"), HasSubstr("--input-range x=LO:HI"))));
  InputOptions options;
  options.ranges["x"] = {2, 5};
  EXPECT_THAT(drawn(model, 50, options),
              AllOf(testing::Contains(2), testing::Contains(4), Each(AllOf(Ge(2), Lt(5)))));
}

TEST(IntegerInputs, RefusesRangesWithoutSuchNumbers) {
  InputOptions options;
  for (const auto& range : {std::pair(0.2, 0.8), std::pair(3.0, 3.0), std::pair(0.0, 1e30)}) {
    options.ranges["x"] = range;
    EXPECT_THROW(generate_inputs(plain_model(DataType::int64, {4}), 1, options), Error)
        << range.first << ":" << range.second;
  }
  for (const auto& range : {std::pair(0.0, 257.0), std::pair(-1.0, 5.0)}) {
    options.ranges["x"] = range;
    EXPECT_THROW(generate_inputs(plain_model(DataType::uint8, {4}), 1, options), Error)
        << range.first << ":" << range.second << " in 8 bits without a sign";
  }
  options.ranges["x"] = {0, 256};
  EXPECT_NO_THROW(generate_inputs(plain_model(DataType::uint8, {4}), 1, options));
}

TEST(GenerateInputs, RefusesARangeForNoInput) {
  InputOptions options;
  options.ranges["z"] = {0, 1};
  EXPECT_THAT([&] { generate_inputs(plain_model(DataType::float32, {4}), 1, options); },
              ThrowsMessage<Error>(HasSubstr("'z'")));
}

TEST(GenerateInputs, RefusesWhatDoesNotFitIntoMemory) {
  const std::int64_t gibi = std::int64_t{1} << 30;
  EXPECT_THAT([&] { generate_inputs(plain_model(DataType::float32, {gibi}), 3, {}); },
              ThrowsMessage<Error>(HasSubstr("8 GiB")));
  EXPECT_THROW(generate_inputs(plain_model(DataType::float64, {gibi, gibi}), 16, {}), Error);
}

TEST(ParseInputRange, ReadsNameAndLimits) {
  const auto [name, range] = parse_input_range("a=b:c=-1.5:2e3");  // names may hold anything
  EXPECT_EQ(name, "a=b:c");
  EXPECT_EQ(range, std::pair(-1.5, 2000.0));
  for (const char* bad : {"", "x", "x=", "x=1", "x=1:", "x=:1", "=0:1", "x=1:1", "x=2:1", "x=0:1:2",
                          "x=0:nan", "x=-inf:1", "x=0:inf", "x= 0:1", "x=0:1e999"}) {
    EXPECT_THROW(parse_input_range(bad), Error) << bad;
  }
}

}  // namespace
}  // namespace moliere::bench
