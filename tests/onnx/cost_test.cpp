// SPDX-License-Identifier: Apache-2.0
// Hand-worked: each expectation is written as the product or sum that it is.
#include "moliere/onnx/cost.hpp"

#include "moliere/onnx/builder.hpp"
#include "moliere/onnx/model_file.hpp"

#include <cstdlib>
#include <filesystem>
#include <limits>

#include "onnx/fixed_shape.hpp"
#include <gtest/gtest.h>

namespace moliere::onnx {
namespace {

using Attributes = std::map<std::string, AttributeValue, std::less<>>;
using Ints = std::vector<std::int64_t>;
constexpr std::int64_t float_bytes = 4;

/// A graph of float32 values; weights are zeros of a shape.
class Network {
 public:
  Network() : builder_("network", 18) {}
  std::string input(const std::string& name, const Shape& shape) {
    return builder_.input(name, DataType::float32, fixed(shape));
  }
  std::string weights(const Shape& shape) {
    return builder_.initializer("w" + std::to_string(next_++), Tensor(DataType::float32, shape));
  }
  std::string integers(const Ints& values) {
    return builder_.initializer(
        "i" + std::to_string(next_++),
        Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
  }
  std::string operator()(std::string_view op, std::vector<std::string> inputs,
                         Attributes attributes = {}, std::vector<std::string> outputs = {}) {
    return builder_.node(op, std::move(inputs), std::move(attributes), std::move(outputs));
  }
  GraphCost cost(const std::vector<std::string>& outputs) {
    for (const std::string& name : outputs) builder_.output(name, DataType::float32, {});
    const Model model = builder_.build();
    return graph_cost(model, infer_shapes(model));
  }

 private:
  GraphBuilder builder_;
  int next_ = 0;
};

TEST(Cost, GemmWithBias) {
  Network n;
  const GraphCost cost =
      n.cost({n("Gemm", {n.input("x", {4, 10}), n.weights({10, 3}), n.weights({3})})});
  EXPECT_EQ(cost.total.parameters, 10 * 3 + 3);
  EXPECT_EQ(cost.total.macs, 4 * 10 * 3);
  EXPECT_EQ(cost.total.flops, 2 * 4 * 10 * 3 + 4 * 3) << "the bias is one addition an output";
  EXPECT_EQ(cost.total.bytes_read, float_bytes * (4 * 10 + 10 * 3 + 3));
  EXPECT_EQ(cost.total.bytes_written, float_bytes * 4 * 3);
  EXPECT_EQ(cost.compulsory_bytes, float_bytes * (10 * 3 + 3 + 4 * 10 + 4 * 3));
  EXPECT_EQ(cost.nodes.at(0).output_shape, "(4, 3)");
  EXPECT_TRUE(cost.complete);
}

TEST(Cost, GemmTransposed) {
  Network n;
  const GraphCost cost = n.cost({n("Gemm", {n.input("x", {10, 4}), n.weights({3, 10})},
                                   {{"transA", std::int64_t{1}}, {"transB", std::int64_t{1}}})});
  EXPECT_EQ(cost.total.macs, 4 * 10 * 3);
  EXPECT_EQ(cost.total.flops, 2 * 4 * 10 * 3);
}

TEST(Cost, BatchedMatMul) {
  Network n;
  const GraphCost cost =
      n.cost({n("MatMul", {n.input("a", {7, 1, 2, 3}), n.input("b", {4, 3, 5})})});
  EXPECT_EQ(cost.total.macs, 7 * 4 * 2 * 5 * 3);
  EXPECT_EQ(cost.total.parameters, 0);
}

TEST(Cost, ConvWithGroupsAndStrides) {
  Network n;
  const GraphCost cost = n.cost(
      {n("Conv", {n.input("x", {2, 4, 10, 9}), n.weights({6, 2, 3, 2}), n.weights({6})},
         {{"group", std::int64_t{2}}, {"strides", Ints{2, 1}}, {"pads", Ints{1, 0, 1, 0}}})});
  // Output (2, 6, 5, 8); each element sums 4 / 2 channels of 3 x 2 taps.
  const std::int64_t outputs = 2 * 6 * 5 * 8;
  EXPECT_EQ(cost.total.macs, outputs * 2 * 3 * 2);
  EXPECT_EQ(cost.total.flops, 2 * outputs * 2 * 3 * 2 + outputs);
}

TEST(Cost, ConvTranspose) {
  Network n;
  const GraphCost cost = n.cost({n("ConvTranspose", {n.input("x", {1, 2, 5}), n.weights({2, 3, 4})},
                                   {{"strides", Ints{3}}})});
  EXPECT_EQ(cost.total.macs, 2 * 5 * 3 * 4) << "each input is spread over 3 channels of 4 taps";
}

TEST(Cost, Lstm) {
  Network n;
  const GraphCost cost = n.cost({n("LSTM",
                                   {n.input("x", {20, 3, 10}), n.weights({1, 4 * 8, 10}),
                                    n.weights({1, 4 * 8, 8}), n.weights({1, 8 * 8})},
                                   {{"hidden_size", std::int64_t{8}}})});
  EXPECT_EQ(cost.total.macs, 20 * 3 * (4 * 8 * 10 + 4 * 8 * 8));
  EXPECT_EQ(cost.total.parameters, 4 * 8 * 10 + 4 * 8 * 8 + 8 * 8);
}

TEST(Cost, AttentionAndEinsum) {
  Network n;
  const Attributes heads{{"q_num_heads", std::int64_t{2}}, {"kv_num_heads", std::int64_t{2}}};
  const GraphCost attention = n.cost(
      {n("Attention", {n.input("q", {3, 5, 8}), n.input("k", {3, 7, 8}), n.input("v", {3, 7, 12})},
         heads)});
  EXPECT_EQ(attention.total.macs, 3 * 2 * 5 * 7 * (4 + 6));

  Network e;
  const GraphCost einsum = e.cost({e("Einsum", {e.input("a", {2, 6, 3, 4}), e.input("b", {5, 4})},
                                     {{"equation", std::string("...ij, kj -> ...ik")}})});
  EXPECT_EQ(einsum.total.macs, 2 * 6 * 3 * 4 * 5);
}

TEST(Cost, OtherOperations) {
  const auto flops = [](std::string_view op, const Attributes& attributes = {}) {
    Network n;
    return n.cost({n(op, {n.input("x", {2, 3, 8})}, attributes)}).total.flops;
  };
  EXPECT_EQ(flops("Relu"), 2 * 3 * 8);
  EXPECT_EQ(flops("Tanh"), 2 * 3 * 8) << "a transcendental function counts one";
  EXPECT_EQ(flops("Softmax"), 5 * 2 * 3 * 8);
  EXPECT_EQ(flops("ReduceSum"), 2 * 3 * 8);
  EXPECT_EQ(flops("MaxPool", {{"kernel_shape", Ints{2}}}), 2 * 3 * 7 * 2);
  EXPECT_EQ(flops("Transpose"), 0);
  EXPECT_EQ(flops("Flatten"), 0);
}

TEST(Cost, SharedWeightsCountOnce) {
  Network n;
  const std::string w = n.weights({10, 10});
  const std::string hidden = n("MatMul", {n.input("x", {1, 10}), w});
  const GraphCost cost = n.cost({n("MatMul", {hidden, w})});
  EXPECT_EQ(cost.total.parameters, 100);
  EXPECT_EQ(cost.total.macs, 200);
  EXPECT_EQ(cost.memory.weights, float_bytes * 100);
}

TEST(Cost, AnInputThatIsReadTwiceMovesOnce) {
  Network n;
  const std::string x = n.input("x", {10});
  EXPECT_EQ(n.cost({n("Mul", {x, x})}).total.bytes_read, float_bytes * 10);
}

TEST(Cost, SubgraphsMakeALowerBound) {
  auto branch = std::make_shared<Graph>();
  branch->nodes.push_back({.op_type = "Relu", .inputs = {"x"}, .outputs = {"r"}});
  branch->outputs.push_back({.name = "r"});
  const std::shared_ptr<const Graph> shared = branch;
  Network n;
  const std::string x = n.input("x", {10});
  const GraphCost cost = n.cost({n("If", {x}, {{"then_branch", shared}, {"else_branch", shared}})});
  EXPECT_EQ(cost.nodes.at(0).output_shape, "(10)");
  EXPECT_FALSE(cost.complete) << "what the branches compute is not counted";
}

TEST(Cost, UnknownOperatorsMakeALowerBound) {
  Network n;
  const std::string hidden = n("Relu", {n.input("x", {3})});
  const GraphCost cost = n.cost({n("Invented", {hidden})});
  EXPECT_FALSE(cost.complete);
  EXPECT_TRUE(cost.nodes.at(0).complete);
  EXPECT_FALSE(cost.nodes.at(1).complete);
  EXPECT_EQ(cost.total.flops, 3);
}

TEST(Cost, AbsurdSizesDoNotWrap) {
  Network n;
  const std::int64_t large = std::int64_t{1} << 30;
  const std::string a = n.input("a", {large, large});
  const std::string b = n.input("b", {large, large});
  const std::string product = n("MatMul", {a, b});
  const GraphCost cost = n.cost({n("Add", {product, product})});
  EXPECT_EQ(cost.total.flops, std::numeric_limits<std::int64_t>::max());
  EXPECT_GT(cost.memory.activations, 0);
}

TEST(MemoryBound, OfAResidualGraph) {
  Network n;
  const std::string x = n.input("x", {1, 10});
  const std::string a = n("MatMul", {x, n.weights({10, 100})});
  const std::string b = n("Relu", {a});
  const std::string c = n("MatMul", {b, n.weights({100, 100})}, {}, {"c"});
  const std::string d = n("Add", {a, c});
  const GraphCost cost = n.cost({n("MatMul", {d, n.weights({100, 2})}, {}, {"y"})});
  // While c is made, a (for the sum), b and c are alive.
  EXPECT_EQ(cost.memory.activations, float_bytes * 3 * 100);
  EXPECT_EQ(cost.memory.peak_node, "MatMul_2");
  EXPECT_EQ(cost.memory.weights, float_bytes * (10 * 100 + 100 * 100 + 100 * 2));
  EXPECT_EQ(cost.memory.inputs, float_bytes * 10);
  EXPECT_EQ(cost.memory.outputs, float_bytes * 2);
  EXPECT_EQ(cost.memory.total(), cost.memory.weights + cost.memory.activations);
}

TEST(MemoryBound, AChainHoldsTwo) {
  Network n;
  std::string v = n.input("x", {100});
  for (int i = 0; i < 5; ++i) v = n("Relu", {v});
  EXPECT_EQ(n.cost({v}).memory.activations, float_bytes * 2 * 100);
}

TEST(MemoryBound, ViewsAreFreeAndKeepTheirSourceAlive) {
  Network n;
  const std::string x = n.input("x", {10, 10});
  const std::string a = n("Relu", {x});                         // 100 elements
  const std::string view = n("Flatten", {n("Identity", {a})});  // a again
  const std::string b = n("ReduceSum", {x});                    // 1 element, made while a lives
  const GraphCost cost = n.cost({n("Mul", {view, b}, {}, {"y"})});
  EXPECT_EQ(cost.memory.activations, float_bytes * (100 + 1));
  EXPECT_EQ(cost.nodes.at(1).cost.bytes_read, 0);
  EXPECT_EQ(cost.nodes.at(1).cost.bytes_written, 0);
}

TEST(MemoryBound, AnOutputThatIsAViewIsTheCallers) {
  Network n;
  const std::string a = n("Relu", {n.input("x", {10, 10})});
  EXPECT_EQ(n.cost({n("Flatten", {a})}).memory.activations, 0);
}

TEST(MemoryBound, WhatNoOutputNeedsIsNotCounted) {
  Network n;
  const std::string x = n.input("x", {1, 10});
  n("MatMul", {x, n.weights({10, 1000})});
  const std::string hidden = n("MatMul", {x, n.weights({10, 3})});
  const GraphCost cost = n.cost({n("Relu", {hidden})});
  EXPECT_EQ(cost.memory.weights, float_bytes * 10 * 3);
  EXPECT_EQ(cost.total.parameters, 10 * 3);
  EXPECT_EQ(cost.memory.activations, float_bytes * 3);
}

TEST(MemoryBound, ConstantNodesAreWeights) {
  Network n;
  const std::string c = n("Constant", {}, {{"value", Tensor(DataType::float32, {50})}});
  const std::string hidden = n("Add", {n.input("x", {50}), c});
  const GraphCost cost = n.cost({n("Relu", {hidden})});
  EXPECT_EQ(cost.memory.weights, float_bytes * 50);
  EXPECT_EQ(cost.total.parameters, 50);
  EXPECT_EQ(cost.memory.activations, float_bytes * 50);
}

/// FLOP per call as the benchmark's own table states them, to two digits.
struct Published {
  const char* file;
  double flops;
};
class RootbenchCost : public testing::TestWithParam<Published> {};
TEST_P(RootbenchCost, IsThePublishedOne) {
  const char* shared = std::getenv("MOLIERE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MOLIERE_SHARED is not set: the files are not there";
  const auto path =
      std::filesystem::path(shared) / "models/rootbench" / (std::string(GetParam().file) + ".onnx");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const Model model = bind_dimensions(load_model(path), {}, std::nullopt);
  const GraphCost cost = graph_cost(model, infer_shapes(model));
  EXPECT_TRUE(cost.complete);
  // The table counts two for each multiply-accumulate and nothing else.
  EXPECT_NEAR(2 * static_cast<double>(cost.total.macs), GetParam().flops, 0.02 * GetParam().flops);
}
INSTANTIATE_TEST_SUITE_P(
    Models, RootbenchCost,
    testing::Values(Published{"higgs_model_dense", 81.8e3}, Published{"Linear_event", 51e3},
                    Published{"Linear_16", 0.816e6}, Published{"Linear_32", 1.63e6},
                    Published{"Linear_64", 3.26e6}, Published{"ConvTrans2dModel_B1", 11.2e3},
                    Published{"Conv_d100_L1_B1", 1.0e6}, Published{"Conv_d100_L14_B1", 10.9e9},
                    Published{"Conv_d100_L14_B32", 172e9}, Published{"Conv3d_d32_L4_B1", 2.12e9},
                    Published{"DenseLayer1000_B1", 0.2e6},
                    Published{"DenseLayer1000_B64", 64 * 0.2e6}),
    [](const auto& published) { return std::string(published.param.file); });

}  // namespace
}  // namespace moliere::onnx
