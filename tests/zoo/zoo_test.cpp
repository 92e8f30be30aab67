// SPDX-License-Identifier: Apache-2.0
#include "moliere/zoo/zoo.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/hash.hpp"
#include "moliere/core/random.hpp"
#include "moliere/onnx/cost.hpp"
#include "moliere/onnx/model_file.hpp"
#include "moliere/reference/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

namespace moliere::zoo {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

const Entry& entry(const std::string& name) {
  const Entry* found = find(name);
  if (found == nullptr) throw std::logic_error("no model " + name);
  return *found;
}

onnx::GraphCost cost_of(const onnx::Model& model) {
  return onnx::graph_cost(model, onnx::infer_shapes(model));
}

std::string shown(const std::vector<onnx::Dimension>& dimensions) {
  Shape shape;
  for (const onnx::Dimension& dimension : dimensions) shape.push_back(dimension.value.value_or(-1));
  return to_string(shape);
}

class EveryModel : public testing::TestWithParam<std::string> {
 protected:
  const Entry& model_entry = entry(GetParam());
};

TEST_P(EveryModel, InfersTheShapesThatItDeclares) {
  for (const std::int64_t batch : {model_entry.default_batch, std::int64_t{3}}) {
    const onnx::Model model = make(model_entry, batch);
    const onnx::ShapeTable shapes = onnx::infer_shapes(model);
    EXPECT_THAT(shapes.unknown, ElementsAre());
    for (const onnx::ValueInfo& output : model.graph.outputs) {
      const onnx::ValueShape* inferred = shapes.find(output.name);
      ASSERT_NE(inferred, nullptr) << output.name;
      EXPECT_EQ(to_string(inferred->shape), shown(output.shape.value()));
      EXPECT_EQ(inferred->shape.at(0) % batch, 0);
    }
    EXPECT_EQ(onnx::input_specs(model).at(0).shape.at(0) % batch, 0);
  }
}

TEST_P(EveryModel, LeavesItsBatchOpenWhereItSaysSo) {
  const onnx::Model model = make(model_entry);
  const onnx::Dimension& first = model.graph.inputs.at(0).shape.value().at(0);
  if (!model_entry.dynamic_batch) {
    EXPECT_EQ(first.value.value_or(-1) % model_entry.default_batch, 0);
    return;
  }
  EXPECT_EQ(first.symbol, "batch");
  const onnx::Model bound = onnx::bind_dimensions(model, {}, 5);
  const onnx::Model made = make(model_entry, 5);
  EXPECT_EQ(onnx::input_specs(bound), onnx::input_specs(made));
  EXPECT_EQ(onnx::output_specs(bound, onnx::infer_shapes(bound)),
            onnx::output_specs(made, onnx::infer_shapes(made)));
}

TEST_P(EveryModel, ReadsAllItsWeights) {
  const onnx::Model model = make(model_entry, 1);
  std::set<std::string> read;
  for (const onnx::Node& node : model.graph.nodes) {
    read.insert(node.inputs.begin(), node.inputs.end());
  }
  for (const auto& [name, tensor] : model.graph.initializers) EXPECT_TRUE(read.contains(name));
}

/// One event as the benchmark draws it: floats in [0, 1), indices of graph_network's 16 nodes.
std::vector<Tensor> draw_inputs(const onnx::Model& model, std::uint64_t seed) {
  std::vector<Tensor> inputs;
  RandomStream random(seed);
  for (const TensorSpec& spec : onnx::input_specs(model)) {
    Tensor& tensor = inputs.emplace_back(spec.type, spec.shape);
    if (spec.type == DataType::int64) {
      for (std::int64_t& index : tensor.data<std::int64_t>()) index = random.below(16);
    } else {
      for (float& x : tensor.data<float>()) x = static_cast<float>(random.uniform());
    }
  }
  return inputs;
}

TEST_P(EveryModel, OutputsDependOnTheInputsAndAreOfOrderOne) {
  const onnx::Model model = make(model_entry, 1);
  // 20 million multiply-accumulates: larger ones are checked under ONNX Runtime below.
  if (cost_of(model).total.macs > 20'000'000) GTEST_SKIP() << "too large for the reference";
  constexpr std::size_t events = 8;
  std::vector<std::vector<double>> outputs;  // [event][element]
  for (std::size_t i = 0; i < events; ++i) {
    outputs.push_back(
        reference::evaluate<double>(model, draw_inputs(model, 10 + i)).at(0).to_doubles());
  }
  std::size_t alive = 0;
  double largest = 0;
  double sum_of_variances = 0;
  for (std::size_t element = 0; element < outputs[0].size(); ++element) {
    double mean = 0;
    for (const auto& output : outputs) mean += output[element] / events;
    double variance = 0;
    for (const auto& output : outputs) {
      variance += (output[element] - mean) * (output[element] - mean) / events;
      largest = std::max(largest, std::abs(output[element]));
    }
    alive += std::sqrt(variance) > 1e-3 ? 1 : 0;
    sum_of_variances += variance;
  }
  const auto elements = static_cast<double>(outputs[0].size());
  EXPECT_GT(static_cast<double>(alive) / elements, 0.95);
  const double spread = std::sqrt(sum_of_variances / elements);
  EXPECT_GT(spread, 0.01);
  EXPECT_LT(spread, 5);
  EXPECT_GT(largest, 0.1);
  EXPECT_LT(largest, 20);
}

INSTANTIATE_TEST_SUITE_P(Zoo, EveryModel, testing::ValuesIn(expand("@all")),
                         [](const auto& made) { return made.param; });

/// A new value here makes figures of older results incomparable: models change on purpose only.
TEST(Zoo, SameBytesOnEveryMachine) {
  const std::map<std::string, std::string> golden{
      {"higgs_model_dense", "a77a4f1366faafb42e548096cc513b76"},
      {"Linear_event", "d5bb091c0177ca42c0a71a00882bebd1"},
      {"Linear_16", "9b94f393502ed3bbc1282fd84057d471"},
      {"Linear_32", "32db4f7d322ea2025be20af465c647c1"},
      {"Linear_64", "8c2f4a6d1ea4d4c2a24d1fad038bc765"},
      {"Generator_B1", "451af8360fa305ff12f30fe2b4420623"},
      {"Generator_B64", "85cd8df04e1341088f1acfdd48210fc1"},
      {"ConvTrans2dModel_B1", "7d814df233efc029b05f07aaecccfa7a"},
      {"Conv_d100_L1_B1", "13743c92ae0b8ad23f19d9f9f3e9dbe9"},
      {"Conv_d100_L14_B1", "d5c0ff0335c2be706c1c18b357e0ba50"},
      {"Conv_d100_L14_B32", "5f0e68c031d475ab1b7e97162fc61e76"},
      {"Conv3d_d32_L4_B1", "e118e273b41026c1e48371916dc76392"},
      {"fastsim_mlp", "7e5c0d3c8b8788118127b7e7af30dea3"},
      {"RNN_d10_L20_h8", "cb65bc1e375884303c20b2a7c818384e"},
      {"GRU_d10_L20_h8", "185c9b8ae49920692d8629c1048ceb34"},
      {"LSTM_d10_L20_h8", "88036f1b9af5c9ea144d5af84ae74d37"},
      {"resnet_small", "68e11bcbd093391e75820d6bbecd3a1f"},
      {"graph_network", "53b57e68796a3805c01522c7b9faa770"},
      {"patch_transformer", "35e69639f4628994c7431f6f16de311b"},
      {"DenseLayer_100", "ea12e90d715b35e2e4898c18240bba13"},
      {"DenseLayer_1000", "c53d6a8b788f11f64aaea034e295b717"},
      {"DenseLayer_10000", "d263ea8d9b4d888672ff8d307e669df9"},
  };
  for (const Entry& e : entries()) {
    const std::string hash = ContentHash().add(onnx::serialize_model(make(e))).hex();
    const auto found = golden.find(e.name);
    EXPECT_EQ(hash, found == golden.end() ? "(no golden value)" : found->second) << e.name;
  }
}

TEST(Zoo, SizesAreThoseOfRootbench) {
  struct Figures {
    const char* name;
    double flops;  // per call, as published to three digits
  };
  for (const auto& [name, flops] : {
           Figures{"higgs_model_dense", 81.8e3},
           {"Linear_event", 51e3},
           {"Linear_16", 0.816e6},
           {"Linear_32", 1.63e6},
           {"Linear_64", 3.26e6},
           {"Generator_B1", 8.11e6},
           {"Generator_B64", 519e6},
           {"ConvTrans2dModel_B1", 11.2e3},
           {"Conv_d100_L1_B1", 1.0e6},
           {"Conv_d100_L14_B1", 10.9e9},
           {"Conv_d100_L14_B32", 172e9},
           {"Conv3d_d32_L4_B1", 2.12e9},
       }) {
    const Entry& e = entry(name);
    const onnx::Cost cost = cost_of(make(e, e.default_batch)).total;
    // 5 %: the published figures leave out biases and activations here and there.
    EXPECT_NEAR(static_cast<double>(cost.flops) / flops, 1, 0.05) << name;
  }
  EXPECT_EQ(cost_of(make(entry("Generator_B1"))).total.parameters, 4'097'896);
  EXPECT_EQ(cost_of(make(entry("Linear_event"))).total.parameters, 100 * 50 + 50 + 8 * 2550 + 510);
}

TEST(Zoo, WeightsDependOnTheModelAloneAndNotOnItsBatch) {
  const onnx::Model one = make(entry("Linear_16"), 1);
  const onnx::Model many = make(entry("Linear_16"), 64);
  const onnx::Model other = make(entry("Linear_32"), 64);
  for (const auto& [name, tensor] : one.graph.initializers) {
    EXPECT_EQ(*tensor, *many.graph.find_initializer(name)) << name;
    EXPECT_NE(*tensor, *other.graph.find_initializer(name)) << name;
  }
}

TEST(Zoo, ABatchCountsEvents) {
  EXPECT_THROW(make(entry("fastsim_mlp"), 0), Error);
  EXPECT_THROW(make(entry("Linear_16"), -1), Error);
}

TEST(Expand, NamesAndSets) {
  EXPECT_THAT(expand("GRU_d10_L20_h8"), ElementsAre("GRU_d10_L20_h8"));
  EXPECT_THAT(expand("@recurrent"),
              ElementsAre("RNN_d10_L20_h8", "GRU_d10_L20_h8", "LSTM_d10_L20_h8"));
  EXPECT_EQ(expand("@rootbench").size(), 12U);
  EXPECT_THAT(expand("@quick"), AllOf(Contains("higgs_model_dense"), Contains("graph_network"),
                                      Not(Contains("Conv_d100_L14_B32"))));
  std::vector<std::string> all;
  for (const Entry& e : entries()) all.push_back(e.name);
  EXPECT_EQ(expand("@all"), all);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
}

TEST(Expand, UnknownNamesSuggestNearOnes) {
  EXPECT_THAT([] { expand("higs_model_dense"); },
              ThrowsMessage<Error>(
                  AllOf(HasSubstr("'higs_model_dense'"), HasSubstr("near are higgs_model_dense"))));
  EXPECT_THAT([] { expand("@rotbench"); }, ThrowsMessage<Error>(HasSubstr("@rootbench")));
  for (const char* bad : {"", "@", "rootbench", "@All"}) EXPECT_THROW(expand(bad), Error) << bad;
}

/// onnx.checker, and ONNX Runtime on all of them: an opinion that is not ours.
TEST(Zoo, IsValidAndAliveUnderOnnxRuntime) {
  const char* venv = std::getenv("MOLIERE_VENV");
  const char* source = std::getenv("MOLIERE_SOURCE_DIR");
  const fs::path interpreter = fs::path(venv != nullptr ? venv : "") / "bin" / "python";
  if (!fs::exists(interpreter)) GTEST_SKIP() << "no virtual environment with onnxruntime";
  const TemporaryDirectory folder("moliere-zoo");
  for (const Entry& e : entries()) {
    onnx::save_model(make(e), folder.path() / "default" / (e.name + ".onnx"));
    onnx::save_model(make(e, 3), folder.path() / "batch3" / (e.name + ".onnx"));
  }
  // The interpreter is another process: it must not inherit a sanitizer that was preloaded.
  const std::string command = fmt::format(
      "env -u LD_PRELOAD '{}' '{}' '{}'", interpreter.string(),
      (fs::path(source) / "tests" / "zoo" / "check_models.py").string(), folder.path().string());
  const int status = std::system(command.c_str());
  constexpr int skipped = 77;
  if (WIFEXITED(status) && WEXITSTATUS(status) == skipped) GTEST_SKIP() << "no onnxruntime there";
  EXPECT_EQ(status, 0) << "see the lines above";
}

}  // namespace
}  // namespace moliere::zoo
