// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/model_case.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/hash.hpp"
#include "moliere/onnx/builder.hpp"
#include "moliere/onnx/model_file.hpp"
#include "moliere/zoo/zoo.hpp"

#include <cmath>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::bench {
namespace {
namespace fs = std::filesystem;
using onnx::Dimension;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// y = Exp(x) over x (`shape`).
onnx::Model exp_model(const std::vector<Dimension>& shape) {
  onnx::GraphBuilder builder("exp");
  builder.input("x", DataType::float32, shape);
  builder.node("Exp", {"x"}, {}, {"y"});
  builder.output("y", DataType::float32, shape);
  return builder.build();
}

class Cases : public testing::Test {
 protected:
  std::string saved(const std::string& name, const onnx::Model& model) {
    const fs::path file = folder.path() / "models" / name;
    onnx::save_model(model, file);
    return file.string();
  }
  ModelCase make(const std::string& selector, std::optional<std::int64_t> batch = std::nullopt,
                 const onnx::DimensionBindings& dimensions = {}) {
    ModelRequest request;
    request.selector = selector;
    request.batch = batch;
    request.dimensions = dimensions;
    return make_case(request, folder.path());
  }

  TemporaryDirectory folder{"moliere-cases"};
};

TEST_F(Cases, BuiltInModelsTakeTheirBatch) {
  const ModelCase made = make("higgs_model_dense", 4);
  EXPECT_EQ(made.name, "higgs_model_dense");
  EXPECT_EQ(made.batch, 4);
  EXPECT_EQ(made.inputs.at(0).shape, (Shape{4, 7}));
  EXPECT_EQ(made.outputs.size(), 1U);
  EXPECT_GT(made.cost.total.flops, 0);
  EXPECT_EQ(made.file.parent_path(), folder.path());
  EXPECT_EQ(made.hash, ContentHash().add(read_bytes(made.file)).hex());
  EXPECT_EQ(onnx::input_specs(onnx::load_model(made.file)), made.inputs);
  EXPECT_NE(make("higgs_model_dense").hash, made.hash);
  EXPECT_THROW(make("higgs_model_dense", 0), Error);
}

TEST_F(Cases, UnknownNamesAreErrorsThatHelp) {
  EXPECT_THAT([&] { make("higgs_model_dens"); },
              ThrowsMessage<Error>(HasSubstr("higgs_model_dense")));
  EXPECT_THROW(make((folder.path() / "absent.onnx").string()), Error);
}

TEST_F(Cases, AConcreteFileIsUsedAsItIs) {
  const std::string file = saved("fixed.onnx", exp_model({{.value = 3}, {.value = 2}}));
  const ModelCase made = make(file);
  EXPECT_EQ(made.name, "fixed");
  EXPECT_EQ(made.file, fs::absolute(file));
  EXPECT_EQ(made.batch, 3);
  EXPECT_THAT(made.outputs, ElementsAre("y"));
  EXPECT_EQ(make(file, 3).batch, 3);
  EXPECT_THAT([&] { make(file, 4); }, ThrowsMessage<Error>(HasSubstr("fixed to 3")));
  EXPECT_FALSE(has_free_batch(file));
}

TEST_F(Cases, ASymbolicBatchIsBound) {
  const std::string file = saved("open.onnx", exp_model({{.symbol = "batch"}, {.value = 2}}));
  EXPECT_TRUE(has_free_batch(file));
  EXPECT_EQ(make(file).inputs.at(0).shape, (Shape{1, 2}));
  const ModelCase made = make(file, 5);
  EXPECT_EQ(made.batch, 5);
  EXPECT_EQ(made.inputs.at(0).shape, (Shape{5, 2}));
  EXPECT_NE(made.file, file);
  EXPECT_EQ(onnx::input_specs(onnx::load_model(made.file)).at(0).shape, (Shape{5, 2}));
}

TEST_F(Cases, OtherDimensionsAreNamed) {
  const std::string file =
      saved("text.onnx", exp_model({{.symbol = "batch"}, {.symbol = "sequence"}}));
  EXPECT_THAT([&] { make(file, 2); }, ThrowsMessage<Error>(HasSubstr("sequence")));
  EXPECT_EQ(make(file, 2, {{"sequence", 20}}).inputs.at(0).shape, (Shape{2, 20}));
  EXPECT_THROW(make(file, 2, {{"sequence", 20}, {"sentence", 3}}), Error);
}

TEST_F(Cases, AFixedBatchBesideAnOpenDimensionIsNotFree) {
  const std::string file =
      saved("half_open.onnx", exp_model({{.value = 3}, {.symbol = "sequence"}}));
  EXPECT_FALSE(has_free_batch(file));
  EXPECT_EQ(make(file, std::nullopt, {{"sequence", 20}}).batch, 3);
  EXPECT_THROW(make(file, 4, {{"sequence", 20}}), Error);
}

/// Two files of one name, or one file at two lengths, must not overwrite each other.
TEST_F(Cases, EachHasAFileOfItsOwn) {
  const std::vector<Dimension> open{{.symbol = "batch"}, {.symbol = "sequence"}};
  const std::string file = saved("a/m.onnx", exp_model(open));
  const ModelCase at10 = make(file, 2, {{"sequence", 10}});
  const ModelCase at20 = make(file, 2, {{"sequence", 20}});
  EXPECT_NE(at10.file, at20.file);
  EXPECT_EQ(ContentHash().add(read_bytes(at10.file)).hex(), at10.hash);
}

TEST_F(Cases, TheBatchIsTheLeadingExtentThatAllShare) {
  onnx::GraphBuilder builder("mixed");
  builder.input("x", DataType::float32, {{.value = 4}, {.value = 2}});
  builder.input("mean", DataType::float32, {{.value = 2}});
  builder.node("Sub", {"x", "mean"}, {}, {"y"});
  builder.output("y", DataType::float32, {{.value = 4}, {.value = 2}});
  EXPECT_EQ(make(saved("mixed.onnx", builder.build())).batch, 1);

  onnx::GraphBuilder sum("sum");
  sum.input("x", DataType::float32, {{.value = 4}});
  sum.node("ReduceSum", {"x"}, {{"keepdims", std::int64_t{0}}}, {"y"});
  sum.output("y", DataType::float32, {});
  EXPECT_EQ(make(saved("sum.onnx", sum.build())).batch, 1) << "a scalar has no events";
}

TEST(BuiltInModels, SayWhetherTheirBatchIsFree) {
  std::size_t free = 0;
  for (const zoo::Entry& entry : zoo::entries()) {
    EXPECT_EQ(has_free_batch(entry.name), entry.dynamic_batch) << entry.name;
    if (entry.dynamic_batch) ++free;
  }
  EXPECT_GT(free, 0U);
  EXPECT_FALSE(has_free_batch("no_such_model"));
}

TEST_F(Cases, SelectorsAreExpandedWithoutRepeats) {
  const std::string file = saved("m.onnx", exp_model({{.value = 1}}));
  EXPECT_THAT(expand_models({file, "Linear_16", file, "Linear_16"}),
              ElementsAre(file, "Linear_16"));
  const std::vector<std::string> quick = expand_models({"@quick", "@quick"});
  EXPECT_FALSE(quick.empty());
  EXPECT_EQ(quick, expand_models({"@quick"}));
  EXPECT_THROW(expand_models({"@no_such_set"}), Error);
  EXPECT_THROW(expand_models({"no_such_model"}), Error);
}

/// An array of `elements` float32 in a .npy file.
void write_npy(const fs::path& file, const std::vector<float>& elements) {
  const std::string header = fmt::format(
      "{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}\n", elements.size());
  std::ofstream stream(file, std::ios::binary);
  stream << "\x93NUMPY" << '\1' << '\0' << static_cast<char>(header.size()) << '\0' << header;
  stream.write(reinterpret_cast<const char*>(elements.data()),
               static_cast<std::streamsize>(elements.size() * sizeof(float)));
}

class Inputs : public Cases {
 protected:
  CaseInputs inputs() {
    SilentProgress progress;
    return make_inputs(model, source, VerificationLimits{}, folder.path() / "cache", progress);
  }
  fs::path array(const std::string& name, const std::vector<float>& elements) {
    write_npy(folder.path() / name, elements);
    return folder.path() / name;
  }

  ModelCase model = make(saved("pair.onnx", exp_model({{.value = 2}})));
  InputSource source;
};

TEST_F(Inputs, AreDrawnWhereNoneAreGiven) {
  const CaseInputs drawn = inputs();
  EXPECT_EQ(drawn.sets.size(), 16U);
  EXPECT_EQ(drawn.expectation.inputs, 16U);
  EXPECT_FALSE(drawn.expectation.outputs.at(0).constant);
}

TEST_F(Inputs, ComeFromFiles) {
  source.files = {array("x.npy", {0, 1})};
  const CaseInputs read = inputs();
  ASSERT_EQ(read.sets.size(), 1U);
  EXPECT_THAT(read.sets[0].at(0).to_doubles(), ElementsAre(0, 1));
  EXPECT_FALSE(read.expectation.outputs.at(0).constant) << "one set shows no dependence";
  EXPECT_DOUBLE_EQ(read.expectation.outputs.at(0).spread, std::exp(1.0));

  source.expected = {array("y.npy", {1, 2.5})};
  EXPECT_THAT(inputs().expectation.outputs.at(0).values.at(0).to_doubles(), ElementsAre(1, 2.5));
  source.expected.push_back(array("z.npy", {1, 2}));
  EXPECT_THAT([&] { inputs(); }, ThrowsMessage<Error>(HasSubstr("2 --expected")));
  source.expected = {array("y.npy", {1, 2, 3})};
  EXPECT_THROW(inputs(), Error);
  source.expected = {};
  source.files = {array("x.npy", {0, 1, 2})};
  EXPECT_THROW(inputs(), Error);
}

}  // namespace
}  // namespace moliere::bench
