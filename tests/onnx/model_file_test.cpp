// SPDX-License-Identifier: Apache-2.0
#include "moliere/onnx/model_file.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/onnx/builder.hpp"

#include <array>
#include <cstdlib>
#include <filesystem>

#include "support/error_of.hpp"
#include <gmock/gmock.h>

namespace moliere::onnx {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using testing::HasSubstr;

/// tests/data/onnx: what make.py there has written.
fs::path data_folder() { return fs::path(std::getenv("MOLIERE_SOURCE_DIR")) / "tests/data/onnx"; }
Model load_data(const std::string& name) { return load_model(data_folder() / (name + ".onnx")); }

std::string error_of_data(const std::string& name) {
  return error_of([&] { load_data(name); });
}
std::string error_of_bytes(std::string_view text) {
  return error_of([&] { parse_model(std::as_bytes(std::span(text))); });
}
std::string error_of_model(const Model& model) {
  const std::vector<std::byte> bytes = serialize_model(model);
  return error_of([&] { parse_model(bytes); });
}
Model round_trip(const Model& model) { return parse_model(serialize_model(model)); }

Tensor numbers(Shape shape, std::vector<float> values) {
  return Tensor::from<float>(std::move(shape), values);
}

/// y = Relu(x W + b) with every kind of attribute on one more node.
GraphBuilder small_builder(std::int64_t opset = 17) {
  GraphBuilder builder("small", opset);
  builder.input("x", DataType::float32, {{.symbol = "batch"}, {.value = 2}});
  builder.initializer("w", numbers({2, 3}, {1, 2, 3, 4, 5, 6}));
  builder.initializer("b", numbers({3}, {0.5F, -0.5F, 0}));
  const std::string sum = builder.node("Gemm", {"x", "w", "b"}, {{"alpha", 1.0}});
  builder.node("Relu", {sum}, {}, {"y"});
  builder.output("y", DataType::float32, {{.symbol = "batch"}, {.value = 3}});
  return builder;
}

/// A folder of its own for one test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "moliere-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(ModelFile, RoundTripKeepsEverything) {
  Model model = small_builder().build();
  auto branch = std::make_shared<Graph>();
  branch->name = "branch";
  branch->nodes.push_back({.op_type = "Neg", .inputs = {"y"}, .outputs = {"n"}});
  branch->outputs.push_back({.name = "n"});
  model.metadata["author"] = "somebody";
  model.graph.value_infos.push_back(
      {"Gemm_0_out", DataType::float32, std::vector<Dimension>{{.symbol = "batch"}, {.value = 3}}});
  model.graph.nodes.push_back({.name = "all",
                               .op_type = "Anything",
                               .domain = "some.where",
                               .inputs = {"y", "", "w"},
                               .outputs = {"", "z"},
                               .attributes = {{"i", std::int64_t{-7}},
                                              {"f", 0.25},
                                              {"s", std::string("text")},
                                              {"is", std::vector<std::int64_t>{1, -2}},
                                              {"fs", std::vector<double>{0.5, 2}},
                                              {"ss", std::vector<std::string>{"a", "b"}},
                                              {"t", numbers({2}, {1, 2})},
                                              {"g", std::shared_ptr<const Graph>(branch)}}});
  const Model read = round_trip(model);
  EXPECT_EQ(serialize_model(read), serialize_model(model));
  EXPECT_EQ(read.producer_name, "moliere");
  EXPECT_EQ(read.opset(), 17);
  EXPECT_EQ(read.metadata.at("author"), "somebody");
  EXPECT_EQ(read.graph.inputs[0].name, "x");
  EXPECT_EQ((*read.graph.inputs[0].shape)[0].symbol, "batch");
  EXPECT_EQ(read.graph.value_infos[0].name, "Gemm_0_out");
  EXPECT_EQ(*read.graph.find_initializer("w"), *model.graph.find_initializer("w"));
  const Node& node = read.graph.nodes.at(2);
  EXPECT_EQ(node.domain, "some.where");
  EXPECT_EQ(node.inputs, (std::vector<std::string>{"y", "", "w"}));
  EXPECT_EQ(node.attribute<std::int64_t>("i", 0), -7);
  EXPECT_EQ(node.attribute<double>("f", 0), 0.25);
  EXPECT_EQ(node.attribute<std::string>("s", ""), "text");
  EXPECT_EQ(node.attribute<std::vector<std::int64_t>>("is", {})[1], -2);
  EXPECT_EQ(node.attribute<std::vector<double>>("fs", {})[1], 2);
  EXPECT_EQ(node.attribute<std::vector<std::string>>("ss", {})[1], "b");
  EXPECT_EQ(node.attribute<Tensor>("t", {}), numbers({2}, {1, 2}));
  EXPECT_EQ(node.attribute<std::shared_ptr<const Graph>>("g", nullptr)->nodes.at(0).op_type, "Neg");
  EXPECT_THROW(node.attribute<double>("i", 0), Error) << "an integer is no float";
}

TEST(ModelFile, BytesAreTheSameEveryTime) {
  EXPECT_EQ(serialize_model(small_builder().build()), serialize_model(small_builder().build()));
}

TEST(ModelFile, SavesAndLoadsFiles) {
  const TemporaryFolder folder;
  const Model model = small_builder().build();
  save_model(model, folder.path() / "small.onnx");
  EXPECT_EQ(serialize_model(load_model(folder.path() / "small.onnx")), serialize_model(model));
}

TEST(ModelFile, OpsetsInRange) {
  EXPECT_EQ(round_trip(small_builder(7).build()).opset(), 7);
  EXPECT_EQ(round_trip(small_builder(28).build()).opset(), 28);
  EXPECT_THAT(error_of_model(small_builder(6).build()), HasSubstr("opset 6"));
  EXPECT_THAT(error_of_model(small_builder(29).build()), HasSubstr("opset 29"));
}

TEST(ModelFile, InitializersAsInputsAreNotTheCallers) {
  const Model model = load_data("initializer_as_input");
  ASSERT_EQ(model.graph.inputs.size(), 1U);
  EXPECT_EQ(model.graph.inputs[0].name, "x");
  EXPECT_NE(model.graph.find_initializer("w"), nullptr);
}

TEST(ModelFile, OnnxOwnDomainHasNoName) {
  const Model model = load_data("named_domain");
  EXPECT_EQ(model.graph.nodes.at(0).domain, "");
  EXPECT_EQ(model.opset(), 17);
}

class ElementsOfEveryType : public testing::TestWithParam<const char*> {};
TEST_P(ElementsOfEveryType, AreRead) {
  const Model model = load_data(GetParam());
  EXPECT_EQ(model.graph.initializers.size(), 13U);
  for (const auto& [name, tensor] : model.graph.initializers) {
    const double last = tensor->type() == DataType::boolean ? 1 : 2;
    EXPECT_EQ(tensor->to_doubles(), (std::vector<double>{1, 0, last})) << name;
  }
  EXPECT_EQ(model.graph.find_initializer("BFLOAT16")->type(), DataType::bfloat16);
  EXPECT_EQ(model.graph.find_initializer("UINT64")->type(), DataType::uint64);
}
INSTANTIATE_TEST_SUITE_P(Storage, ElementsOfEveryType,
                         testing::Values("typed_fields", "raw_fields"));

TEST(ModelFile, FunctionsAreExpanded) {
  const Model model = load_data("functions");
  // Affine(x; 2, 3) is Constant 2, Mul, Constant 3, Add; then the If.
  std::vector<std::string> operators;
  for (const Node& node : model.graph.nodes) operators.push_back(node.op_type);
  EXPECT_THAT(operators, testing::UnorderedElementsAre("Constant", "Mul", "Constant", "Add", "If"));
  const auto factors = [](const Graph& graph) {
    std::vector<double> values;
    for (const Node& node : graph.nodes) {
      if (node.op_type == "Constant") values.push_back(node.attribute<double>("value_float", 0));
    }
    return values;
  };
  EXPECT_THAT(factors(model.graph), testing::UnorderedElementsAre(2, 3));
  const auto branch =
      model.graph.nodes.back().attribute<std::shared_ptr<const Graph>>("then_branch", nullptr);
  EXPECT_THAT(factors(*branch), testing::UnorderedElementsAre(5, 1)) << "shift has the default 1";
  const Node& add = *std::ranges::find(model.graph.nodes, "Add", &Node::op_type);
  EXPECT_EQ(add.outputs[0], "v") << "the call's own name";
  EXPECT_EQ(branch->nodes.back().outputs[0], "c");
  EXPECT_EQ(serialize_model(round_trip(model)), serialize_model(model));
}

TEST(ModelFile, FunctionsDoNotGrowWithoutEnd) {
  EXPECT_THAT(error_of_data("function_calls_itself"), HasSubstr("nested too deeply"));
  EXPECT_THAT(error_of_data("function_bomb"), HasSubstr("far more than its file"));
}

TEST(ModelFile, NodesOutOfOrderAreSorted) {
  GraphBuilder builder("g");
  builder.input("x", DataType::float32, {{.value = 1}});
  builder.node("Relu", {"a"}, {}, {"y"});
  builder.node("Neg", {"x"}, {}, {"a"});
  builder.output("y", DataType::float32, {{.value = 1}});
  const Model model = round_trip(builder.build());
  EXPECT_EQ(model.graph.nodes[0].op_type, "Neg");
  EXPECT_EQ(model.graph.nodes[1].op_type, "Relu");
}

TEST(ModelFile, OrderIsKeptWhereItIsOne) {
  GraphBuilder builder("g");
  builder.input("x", DataType::float32, {{.value = 1}});
  for (const char* name : {"c", "a", "b"}) builder.node("Neg", {"x"}, {}, {name});
  builder.node("Sum", {"a", "b", "c"}, {}, {"y"});
  builder.output("y", DataType::float32, {{.value = 1}});
  const Model model = round_trip(builder.build());
  EXPECT_EQ(model.graph.nodes[0].outputs[0], "c");
  EXPECT_EQ(model.graph.nodes[1].outputs[0], "a");
}

TEST(ModelFile, GraphsThatAreNoneAreErrors) {
  GraphBuilder cycle("g");
  cycle.node("Neg", {"b"}, {}, {"a"});
  cycle.node("Neg", {"a"}, {}, {"b"});
  cycle.output("b", DataType::float32, {});
  EXPECT_THAT(error_of_model(cycle.build()), HasSubstr("cycle"));

  GraphBuilder twice = small_builder();
  twice.node("Neg", {"x"}, {}, {"y"});
  EXPECT_THAT(error_of_model(twice.build()), HasSubstr("'y' is defined twice"));

  GraphBuilder missing = small_builder();
  missing.node("Neg", {"nothing"}, {}, {"z"});
  EXPECT_THAT(error_of_model(missing.build()), HasSubstr("'nothing'"));

  GraphBuilder no_definition = small_builder();
  no_definition.output("z", DataType::float32, {});
  EXPECT_THAT(error_of_model(no_definition.build()), HasSubstr("'z' has no definition"));

  GraphBuilder negative("g");
  negative.input("x", DataType::float32, {{.value = -2}});
  negative.output("x", DataType::float32, {});
  EXPECT_THAT(error_of_model(negative.build()), HasSubstr("extent -2"));

  EXPECT_THAT(error_of_model(GraphBuilder("empty").build()), HasSubstr("no outputs"));
}

TEST(ModelFile, SubgraphsReadTheGraphAroundThem) {
  auto branch = std::make_shared<Graph>();
  branch->nodes.push_back({.op_type = "Neg", .inputs = {"a"}, .outputs = {"n"}});
  branch->outputs.push_back({.name = "n"});
  const std::shared_ptr<const Graph> shared = branch;
  GraphBuilder builder("g");
  builder.input("c", DataType::boolean, {});
  // Stands before the node that makes `a`, which only its branches read.
  builder.node("If", {"c"}, {{"then_branch", shared}, {"else_branch", shared}}, {"y"});
  builder.node("Cast", {"c"}, {{"to", std::int64_t{1}}}, {"a"});
  builder.output("y", DataType::float32, {});
  const Model model = round_trip(builder.build());
  EXPECT_EQ(model.graph.nodes[0].op_type, "Cast");

  GraphBuilder missing("g");
  missing.input("c", DataType::boolean, {});
  missing.node("If", {"c"}, {{"then_branch", shared}, {"else_branch", shared}}, {"y"});
  missing.output("y", DataType::float32, {});
  EXPECT_THAT(error_of_model(missing.build()), HasSubstr("'a'"));
}

TEST(ModelFile, SubgraphsAreSortedAndChecked) {
  const auto with_branch = [](const std::vector<Node>& nodes) {
    auto branch = std::make_shared<Graph>();
    branch->nodes = nodes;
    branch->outputs.push_back({.name = "r"});
    GraphBuilder builder("g");
    builder.node("If", {}, {{"then_branch", std::shared_ptr<const Graph>(branch)}}, {"y"});
    builder.output("y", DataType::float32, {});
    return builder.build();
  };
  const Node first{.op_type = "Constant", .outputs = {"a"}};
  const Node second{.op_type = "Neg", .inputs = {"a"}, .outputs = {"r"}};
  const Model model = round_trip(with_branch({second, first}));
  const auto branch =
      model.graph.nodes[0].attribute<std::shared_ptr<const Graph>>("then_branch", nullptr);
  EXPECT_EQ(branch->nodes[0].op_type, "Constant");
  const Node back{.op_type = "Neg", .inputs = {"r"}, .outputs = {"a"}};
  EXPECT_THAT(error_of_model(with_branch({second, back})), HasSubstr("cycle"));
}

TEST(ModelFile, NestingIsBounded) {
  std::shared_ptr<const Graph> inner = std::make_shared<Graph>();
  for (int level = 0; level < 40; ++level) {
    auto outer = std::make_shared<Graph>();
    outer->nodes.push_back(
        {.op_type = "If", .outputs = {"v" + std::to_string(level)}, .attributes = {{"g", inner}}});
    inner = outer;
  }
  GraphBuilder builder("g");
  builder.node("If", {}, {{"g", inner}}, {"y"});
  builder.output("y", DataType::float32, {});
  const std::vector<std::byte> bytes = serialize_model(builder.build());
  EXPECT_THROW(parse_model(bytes), Error);
}

TEST(ModelFile, OtherFilesAreNotModels) {
  EXPECT_THAT(error_of_bytes(""), HasSubstr("not an ONNX model"));
  EXPECT_THAT(error_of_bytes("Dear colleagues,\nplease find the model attached.\n"),
              HasSubstr("not an ONNX model"));
  EXPECT_THAT(error_of_bytes("<!DOCTYPE html><html><body>Not found</body></html>"),
              HasSubstr("not an ONNX model"));
  EXPECT_THAT(error_of_bytes("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
              HasSubstr("not an ONNX model"));
  EXPECT_THAT(error_of_bytes("\x08\x08"), HasSubstr("not an ONNX model")) << "a version, no graph";
  const std::vector<std::byte> tensor = serialize_tensor(numbers({2}, {1, 2}), "t");
  EXPECT_THROW(parse_model(tensor), Error);
  EXPECT_THROW(load_model(data_folder() / "there_is_none.onnx"), Error);
  EXPECT_THROW(load_model(data_folder()), Error) << "a folder";
}

TEST(ModelFile, ErrorsNameTheFile) {
  EXPECT_THAT(error_of_data("sparse"), HasSubstr("sparse.onnx"));
}

TEST(ModelFile, EveryTruncationIsAnErrorOrAModel) {
  const std::vector<std::byte> bytes = serialize_model(small_builder().build());
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    try {
      parse_model(std::span(bytes).first(size));
      ++accepted;
    } catch (const Error&) {
      // anything else fails the test
    }
  }
  // The graph is written before the last field, the operator sets: a file that ends exactly
  // between them is a message, and nothing tells that it is cut off.
  EXPECT_LE(accepted, 1U);
}

TEST(ModelFile, EveryChangedByteIsAnErrorOrAModel) {
  std::vector<std::byte> bytes = serialize_model(small_builder().build());
  for (std::byte& byte : bytes) {
    const std::byte kept = byte;
    for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      byte = static_cast<std::byte>(value);
      try {
        parse_model(bytes);
      } catch (const Error&) {
        // anything else fails the test
      }
    }
    byte = kept;
  }
}

TEST(ModelFile, DeclaredSizesAreTheBytesPresent) {
  EXPECT_THAT(error_of_data("short_raw"), HasSubstr("12 bytes and 8 are there"));
  EXPECT_THAT(error_of_data("huge_raw"), HasSubstr("and 4 are there"));
  EXPECT_THAT(error_of_data("overflowing_dims"), HasSubstr("2^62"));
  EXPECT_THAT(error_of_data("negative_dims"), HasSubstr("negative"));
  EXPECT_THAT(error_of_data("short_field"), HasSubstr("3 elements and 1 are there"));
}

TEST(ModelFile, WhatIsNotSupportedIsNamed) {
  EXPECT_THAT(error_of_data("complex_weights"), HasSubstr("'w' has elements of COMPLEX64"));
  EXPECT_THAT(error_of_data("sparse"), HasSubstr("sparse initialisers"));
  EXPECT_THAT(error_of_data("string_input"), HasSubstr("'x' is a tensor of STRING"));
  EXPECT_THAT(error_of_data("sequence_input"), HasSubstr("'x' is not a tensor"));
}

TEST(ExternalData, IsReadFromBesideTheModel) {
  EXPECT_EQ(*load_data("external").graph.find_initializer("w"), numbers({2}, {1.5F, 2.5F}));
  const std::vector<std::byte> bytes = read_bytes(data_folder() / "external.onnx");
  EXPECT_THAT(error_of([&] { parse_model(bytes); }), HasSubstr("not read from a file"));
}

TEST(ExternalData, StaysInTheModelsFolder) {
  const TemporaryFolder root;
  const fs::path folder = root.path() / "models";
  fs::create_directory(folder);
  // The file exists where the bad names lead, so that only the check keeps it from being read.
  fs::copy_file(data_folder() / "weights.bin", root.path() / "weights.bin");
  fs::create_symlink("../weights.bin", folder / "link.bin");
  const auto error = [&](const std::string& name) {
    fs::copy_file(data_folder() / (name + ".onnx"), folder / (name + ".onnx"));
    return error_of([&] { load_model(folder / (name + ".onnx")); });
  };
  EXPECT_THAT(error("external_parent"), HasSubstr("outside the model's folder"));
  EXPECT_THAT(error("external_link"), HasSubstr("outside the model's folder"));
  EXPECT_THAT(error("external_absolute"), HasSubstr("not relative"));
  EXPECT_THAT(error("external_missing"), HasSubstr("no such file"));

  fs::remove(folder / "link.bin");
  fs::copy_file(data_folder() / "weights.bin", folder / "inside.bin");
  fs::create_symlink("inside.bin", folder / "link.bin");
  EXPECT_NO_THROW(load_model(folder / "external_link.onnx")) << "a link that stays inside";
}

TEST(ExternalData, HasTheDeclaredSize) {
  EXPECT_THAT(error_of_data("external_wrong_length"), HasSubstr("8 bytes and 12 are declared"));
  EXPECT_THAT(error_of_data("external_beyond_end"), HasSubstr("ends before it"));
  EXPECT_THAT(error_of_data("external_not_a_number"), HasSubstr("'-8'"));
  EXPECT_THAT(error_of_data("external_many_times"), HasSubstr("many times over"));
}

TEST(TensorFile, RoundTripsEveryType) {
  for (const DataType type :
       {DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16,
        DataType::int64, DataType::int32, DataType::int16, DataType::int8, DataType::uint64,
        DataType::uint32, DataType::uint16, DataType::uint8, DataType::boolean}) {
    Tensor tensor(type, {2, 3});
    tensor.bytes().back() = std::byte{1};
    EXPECT_EQ(parse_tensor(serialize_tensor(tensor, "t")), tensor) << to_string(type);
  }
  const std::array<std::byte, 3> garbage{std::byte{0xff}, std::byte{0xff}, std::byte{0xff}};
  EXPECT_THROW(parse_tensor(garbage), Error);
}

}  // namespace
}  // namespace moliere::onnx
