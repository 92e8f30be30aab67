// SPDX-License-Identifier: Apache-2.0
#include "moliere/onnx/shape_inference.hpp"

#include "moliere/core/error.hpp"
#include "moliere/onnx/builder.hpp"

#include "onnx/fixed_shape.hpp"
#include "support/error_of.hpp"
#include <gmock/gmock.h>

namespace moliere::onnx {
namespace {

using test::error_of;
using testing::HasSubstr;
using Attributes = std::map<std::string, AttributeValue, std::less<>>;
using Ints = std::vector<std::int64_t>;

Tensor integers(const Ints& values) {
  return Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}

/// An operand of one node: a float input of a shape, a constant, or absent.
struct Operand {
  Operand(Shape given) : shape(std::move(given)) {}      // NOLINT: reads as a list
  Operand(Tensor given) : constant(std::move(given)) {}  // NOLINT
  Operand(DataType t, Shape given) : type(t), shape(std::move(given)) {}
  Operand(std::nullptr_t) : absent(true) {}  // NOLINT
  DataType type = DataType::float32;
  Shape shape;
  std::optional<Tensor> constant;
  bool absent = false;
};

Model one_node(std::string_view op, const std::vector<Operand>& operands,
               const Attributes& attributes = {}, std::size_t outputs = 1,
               std::int64_t opset = 18) {
  GraphBuilder builder("one", opset);
  std::vector<std::string> names;
  for (const Operand& operand : operands) {
    const std::string name = "in" + std::to_string(names.size());
    if (operand.absent) {
      names.emplace_back();
    } else if (operand.constant) {
      names.push_back(builder.initializer(name, *operand.constant));
    } else {
      names.push_back(builder.input(name, operand.type, fixed(operand.shape)));
    }
  }
  std::vector<std::string> results;
  for (std::size_t i = 0; i < outputs; ++i) results.push_back("out" + std::to_string(i));
  builder.node(op, names, attributes, results);
  for (const std::string& name : results) builder.output(name, DataType::float32, {});
  return builder.build();
}

/// Shape of the only output.
Shape shape_of(std::string_view op, const std::vector<Operand>& operands,
               const Attributes& attributes = {}, std::int64_t opset = 18) {
  const ShapeTable table = infer_shapes(one_node(op, operands, attributes, 1, opset));
  if (table.find("out0") == nullptr) {
    ADD_FAILURE() << (table.unknown.empty() ? "?" : table.unknown[0]);
    return {-1};
  }
  return table.find("out0")->shape;
}

Model open_model() {
  GraphBuilder builder("open");
  builder.input("x", DataType::float32, {{.symbol = "batch"}, {.symbol = "hits"}, {.value = 3}});
  builder.input("mask", DataType::boolean, {{}, {.symbol = "hits"}});
  builder.node("Relu", {"x"}, {}, {"y"});
  builder.output("y", DataType::float32, {{.symbol = "batch"}, {.symbol = "hits"}, {.value = 3}});
  return builder.build();
}

TEST(BindDimensions, FixesNamesAndTheBatch) {
  const Model bound = bind_dimensions(open_model(), {{"hits", 10}}, 4);
  const std::vector<TensorSpec> specs = input_specs(bound);
  EXPECT_EQ(specs[0], (TensorSpec{"x", DataType::float32, {4, 10, 3}}));
  EXPECT_EQ(specs[1], (TensorSpec{"mask", DataType::boolean, {4, 10}}));
  EXPECT_EQ((*bound.graph.outputs[0].shape)[0].value, 4);
  EXPECT_EQ((*bound.graph.outputs[0].shape)[1].value, 10);
  const ShapeTable shapes = infer_shapes(bound);
  EXPECT_EQ(output_specs(bound, shapes).at(0), (TensorSpec{"y", DataType::float32, {4, 10, 3}}));
}

TEST(BindDimensions, AGivenNameWinsOverTheBatch) {
  const Model bound = bind_dimensions(open_model(), {{"hits", 10}, {"batch", 7}}, 4);
  EXPECT_EQ(input_specs(bound)[0].shape, (Shape{7, 10, 3}));
}

TEST(BindDimensions, ABatchIsKnownByItsName) {
  GraphBuilder builder("recurrent");
  builder.input("x", DataType::float32, {{.value = 5}, {.symbol = "N"}, {.value = 3}});
  builder.output("x", DataType::float32, {});
  EXPECT_EQ(input_specs(bind_dimensions(builder.build(), {}, 2))[0].shape, (Shape{5, 2, 3}));
}

TEST(BindDimensions, FixedModelsStayAsTheyAre) {
  const Model model = one_node("Relu", {Shape{1, 7}});
  EXPECT_EQ(input_specs(bind_dimensions(model, {}, 64))[0].shape, (Shape{1, 7}));
  EXPECT_EQ(input_specs(bind_dimensions(model, {}, std::nullopt))[0].shape, (Shape{1, 7}));
}

TEST(BindDimensions, ErrorsSayWhichDimension) {
  EXPECT_THAT(error_of([] { bind_dimensions(open_model(), {}, 4); }), HasSubstr("--dim hits=N"));
  EXPECT_THAT(error_of([] {
                bind_dimensions(open_model(), {{"hits", 2}}, std::nullopt);
              }),
              HasSubstr("dimension 0 of input 'x'"));
  EXPECT_THAT(error_of([] {
                bind_dimensions(open_model(), {{"hist", 2}}, 4);
              }),
              HasSubstr("no open dimension 'hist' (it has batch, hits)"));
  EXPECT_THAT(error_of([] {
                bind_dimensions(open_model(), {{"hits", 0}}, 4);
              }),
              HasSubstr("'hits' cannot be 0"));
  EXPECT_THAT(error_of([] {
                bind_dimensions(open_model(), {{"hits", 2}}, -1);
              }),
              HasSubstr("batch cannot be -1"));
  EXPECT_THAT(error_of([] { infer_shapes(open_model()); }), HasSubstr("'x' is not fixed"));

  GraphBuilder unnamed("unnamed");
  unnamed.input("x", DataType::float32, {{.value = 1}, {}});
  unnamed.output("x", DataType::float32, {});
  const Model model = unnamed.build();
  EXPECT_THAT(error_of([&] { bind_dimensions(model, {}, 4); }), HasSubstr("no name either"));

  Model no_rank = one_node("Relu", {Shape{1}});
  no_rank.graph.inputs[0].shape.reset();
  EXPECT_THAT(error_of([&] { bind_dimensions(no_rank, {}, 4); }), HasSubstr("rank of input 'in0'"));
}

TEST(ShapeRules, Elementwise) {
  EXPECT_EQ(shape_of("Erf", {Shape{2, 3}}), (Shape{2, 3}));
  EXPECT_EQ(shape_of("Add", {Shape{2, 1, 4}, Shape{3, 1}}), (Shape{2, 3, 4}));
  EXPECT_EQ(shape_of("Add", {Shape{0, 3}, Shape{1, 3}}), (Shape{0, 3})) << "1 yields to 0";
  EXPECT_EQ(shape_of("Sum", {Shape{3}, Shape{2, 1}, Shape{4, 1, 1}}), (Shape{4, 2, 3}));
  EXPECT_EQ(shape_of("Where", {Operand(DataType::boolean, {2, 1}), Shape{3}, Shape{}}),
            (Shape{2, 3}));
  EXPECT_THAT(error_of([] {
                shape_of("Mul", {Shape{2, 3}, Shape{2}});
              }),
              HasSubstr("(2, 3) and (2) do not broadcast"));
}

TEST(ShapeRules, Types) {
  const auto type_of = [](const Model& model, const char* name = "out0") {
    return infer_shapes(model).find(name)->type;
  };
  EXPECT_EQ(type_of(one_node("Less", {Shape{2}, Shape{2}})), DataType::boolean);
  EXPECT_EQ(type_of(one_node("Cast", {Shape{2}}, {{"to", std::int64_t{10}}})), DataType::float16);
  EXPECT_EQ(type_of(one_node("ArgMax", {Shape{2}})), DataType::int64);
  EXPECT_EQ(type_of(one_node("Shape", {Shape{2}})), DataType::int64);
  EXPECT_EQ(type_of(one_node("TopK", {Shape{2}, integers({1})}, {}, 2), "out1"), DataType::int64);
  EXPECT_EQ(
      type_of(one_node("Where", {Operand(DataType::boolean, {2}), Operand(DataType::float64, {2}),
                                 Operand(DataType::float64, {2})})),
      DataType::float64);
}

TEST(ShapeRules, Movement) {
  EXPECT_EQ(shape_of("Flatten", {Shape{2, 3, 4}}), (Shape{2, 12}));
  EXPECT_EQ(shape_of("Flatten", {Shape{2, 3, 4}}, {{"axis", std::int64_t{-1}}}), (Shape{6, 4}));
  EXPECT_EQ(shape_of("Reshape", {Shape{2, 3, 4}, integers({0, -1})}), (Shape{2, 12}));
  EXPECT_EQ(shape_of("Transpose", {Shape{2, 3, 4}}), (Shape{4, 3, 2}));
  EXPECT_EQ(shape_of("Transpose", {Shape{2, 3, 4}}, {{"perm", Ints{0, 2, 1}}}), (Shape{2, 4, 3}));
  EXPECT_EQ(shape_of("Squeeze", {Shape{1, 3, 1}}), (Shape{3}));
  EXPECT_EQ(shape_of("Squeeze", {Shape{1, 3, 1}, integers({-1})}), (Shape{1, 3}));
  EXPECT_EQ(shape_of("Squeeze", {Shape{1, 3, 1}}, {{"axes", Ints{0}}}, 11), (Shape{3, 1}));
  EXPECT_EQ(shape_of("Unsqueeze", {Shape{3}, integers({-1, 0})}), (Shape{1, 3, 1}));
  EXPECT_EQ(shape_of("Concat", {Shape{2, 3}, Shape{2, 5}}, {{"axis", std::int64_t{-1}}}),
            (Shape{2, 8}));
  EXPECT_EQ(shape_of("Slice", {Shape{2, 10}, integers({8}), integers({-100}), integers({1}),
                               integers({-3})}),
            (Shape{2, 3}))
      << "8, 5, 2";
  EXPECT_EQ(shape_of("Slice", {Shape{10}}, {{"starts", Ints{-3}}, {"ends", Ints{100}}}, 9),
            (Shape{3}));
  EXPECT_EQ(shape_of("Pad", {Shape{2, 3}, integers({0, 1, 0, -2})}), (Shape{2, 2}));
  EXPECT_EQ(shape_of("Expand", {Shape{3, 1}, integers({2, 1, 4})}), (Shape{2, 3, 4}));
  EXPECT_EQ(shape_of("Tile", {Shape{2, 3}, integers({2, 3})}), (Shape{4, 9}));
  const ShapeTable parts =
      infer_shapes(one_node("Split", {Shape{7, 2}}, {{"num_outputs", std::int64_t{3}}}, 3));
  EXPECT_EQ(parts.find("out0")->shape, (Shape{3, 2}));
  EXPECT_EQ(parts.find("out2")->shape, (Shape{1, 2})) << "the last one is smaller";
}

TEST(ShapeRules, GatherAndScatter) {
  const Operand indices(DataType::int64, {5, 2});
  EXPECT_EQ(shape_of("Gather", {Shape{3, 4}, indices}, {{"axis", std::int64_t{1}}}),
            (Shape{3, 5, 2}));
  EXPECT_EQ(shape_of("GatherElements", {Shape{9, 2}, indices}), (Shape{5, 2}));
  EXPECT_EQ(shape_of("GatherND", {Shape{3, 4, 6}, indices}), (Shape{5, 6}));
  EXPECT_EQ(shape_of("ScatterND", {Shape{3, 4}, indices, Shape{5}}), (Shape{3, 4}));
  EXPECT_EQ(shape_of("OneHot", {indices, integers({7}), Shape{2}}, {{"axis", std::int64_t{1}}}),
            (Shape{5, 7, 2}));
}

TEST(ShapeRules, Reductions) {
  EXPECT_EQ(shape_of("ReduceSum", {Shape{2, 3, 4}, integers({1})}), (Shape{2, 1, 4}));
  EXPECT_EQ(shape_of("ReduceMean", {Shape{2, 3, 4}},
                     {{"axes", Ints{-1}}, {"keepdims", std::int64_t{0}}}, 13),
            (Shape{2, 3}));
  EXPECT_EQ(shape_of("ReduceMax", {Shape{2, 3}}, {{"keepdims", std::int64_t{0}}}), (Shape{}));
  EXPECT_EQ(shape_of("ReduceSum", {Shape{2, 3}}, {{"noop_with_empty_axes", std::int64_t{1}}}),
            (Shape{2, 3}));
}

TEST(ShapeRules, LinearAlgebra) {
  EXPECT_EQ(shape_of("Gemm", {Shape{5, 2}, Shape{3, 5}, Shape{3}},
                     {{"transA", std::int64_t{1}}, {"transB", std::int64_t{1}}}),
            (Shape{2, 3}));
  EXPECT_EQ(shape_of("MatMul", {Shape{7, 1, 2, 3}, Shape{4, 3, 5}}), (Shape{7, 4, 2, 5}));
  EXPECT_EQ(shape_of("MatMul", {Shape{3}, Shape{4, 3, 5}}), (Shape{4, 5}));
  EXPECT_EQ(shape_of("MatMul", {Shape{3}, Shape{3}}), (Shape{}));
  EXPECT_EQ(shape_of("Einsum", {Shape{2, 3, 4}, Shape{5, 4}},
                     {{"equation", std::string("...ij, kj -> k...i")}}),
            (Shape{5, 2, 3}));
  EXPECT_EQ(shape_of("Einsum", {Shape{3, 4}, Shape{4, 2}}, {{"equation", std::string("bj,ja")}}),
            (Shape{2, 3}))
      << "without an arrow: letters that occur once, in alphabetical order";
}

TEST(ShapeRules, Windows) {
  EXPECT_EQ(shape_of("Conv", {Shape{1, 4, 10, 9}, Shape{6, 2, 3, 2}},
                     {{"group", std::int64_t{2}},
                      {"strides", Ints{2, 1}},
                      {"dilations", Ints{1, 3}},
                      {"pads", Ints{1, 0, 1, 2}}}),
            (Shape{1, 6, 5, 8}))
      << "(10 + 2 - 3) / 2 + 1 and 9 + 2 - 4 + 1";
  EXPECT_EQ(shape_of("Conv", {Shape{1, 1, 7}, Shape{1, 1, 3}},
                     {{"strides", Ints{2}}, {"auto_pad", std::string("SAME_UPPER")}}),
            (Shape{1, 1, 4}));
  EXPECT_EQ(shape_of("ConvTranspose", {Shape{1, 2, 5}, Shape{2, 3, 4}},
                     {{"strides", Ints{3}}, {"pads", Ints{1, 1}}, {"output_padding", Ints{1}}}),
            (Shape{1, 3, 15}))
      << "3 (5 - 1) + 1 + 4 - 2";
  EXPECT_EQ(
      shape_of("MaxPool", {Shape{1, 1, 6}}, {{"kernel_shape", Ints{3}}, {"strides", Ints{2}}}),
      (Shape{1, 1, 2}));
  EXPECT_EQ(
      shape_of("MaxPool", {Shape{1, 1, 6}},
               {{"kernel_shape", Ints{3}}, {"strides", Ints{2}}, {"ceil_mode", std::int64_t{1}}}),
      (Shape{1, 1, 3}));
  EXPECT_EQ(shape_of("GlobalAveragePool", {Shape{2, 3, 4, 5}}), (Shape{2, 3, 1, 1}));
  const std::vector<float> scales{1, 1, 1.5F, 2};
  EXPECT_EQ(shape_of("Resize", {Shape{1, 2, 3, 4}, nullptr, Tensor::from<float>({4}, scales)}),
            (Shape{1, 2, 4, 8}));
}

TEST(ShapeRules, RecurrenceAndAttention) {
  const ShapeTable lstm = infer_shapes(
      one_node("LSTM", {Shape{20, 2, 10}, Shape{2, 32, 10}, Shape{2, 32, 8}},
               {{"hidden_size", std::int64_t{8}}, {"direction", std::string("bidirectional")}}, 3));
  EXPECT_EQ(lstm.find("out0")->shape, (Shape{20, 2, 2, 8}));
  EXPECT_EQ(lstm.find("out1")->shape, (Shape{2, 2, 8}));
  EXPECT_EQ(lstm.find("out2")->shape, (Shape{2, 2, 8}));
  EXPECT_EQ(shape_of("GRU", {Shape{2, 20, 10}, Shape{1, 24, 10}, Shape{1, 24, 8}},
                     {{"layout", std::int64_t{1}}}),
            (Shape{2, 20, 1, 8}));
  EXPECT_EQ(shape_of("Attention", {Shape{2, 3, 8}, Shape{2, 5, 8}, Shape{2, 5, 12}},
                     {{"q_num_heads", std::int64_t{4}}, {"kv_num_heads", std::int64_t{4}}}, 23),
            (Shape{2, 3, 12}));
}

TEST(ShapeRules, Contradictions) {
  const auto refuses = [](std::string_view op, const std::vector<Operand>& operands,
                          const Attributes& attributes = {}) {
    return error_of([&] { infer_shapes(one_node(op, operands, attributes)); });
  };
  EXPECT_THAT(refuses("Gemm", {Shape{2, 3}, Shape{4, 5}}), HasSubstr("(2, 3) and (4, 5)"));
  EXPECT_THAT(refuses("Gemm", {Shape{2, 3}, Shape{4, 5}}), HasSubstr("node 'Gemm_0' (Gemm)"));
  EXPECT_THAT(refuses("MatMul", {Shape{2, 3}, Shape{4, 5}}), HasSubstr("(2, 3) and (4, 5)"));
  EXPECT_THAT(refuses("Reshape", {Shape{2, 3}, integers({4, -1})}), HasSubstr("open axis"));
  EXPECT_THAT(refuses("Reshape", {Shape{2, 3}, integers({7})}), HasSubstr("(7)"));
  EXPECT_THAT(refuses("Concat", {Shape{2, 3}, Shape{3, 3}}, {{"axis", std::int64_t{1}}}),
              HasSubstr("another axis"));
  EXPECT_THAT(refuses("Conv", {Shape{1, 3, 5}, Shape{1, 2, 3}}), HasSubstr("channels"));
  EXPECT_THAT(refuses("Conv", {Shape{1, 2, 2}, Shape{1, 2, 3}}), HasSubstr("larger"));
  EXPECT_THAT(refuses("MaxPool", {Shape{1, 2, 2}}, {{"kernel_shape", Ints{0}}}),
              HasSubstr("window"));
  EXPECT_THAT(refuses("Squeeze", {Shape{2, 3}, integers({0})}), HasSubstr("longer than 1"));
  EXPECT_THAT(refuses("Unsqueeze", {Shape{2}, integers({0, 0})}), HasSubstr("twice"));
  EXPECT_THAT(refuses("Split", {Shape{4}, integers({1, 2})}), HasSubstr("whole axis"));
  EXPECT_THAT(refuses("Tile", {Shape{2}, integers({std::int64_t{1} << 62})}), HasSubstr("2^6"));
  EXPECT_THAT(refuses("ArgMax", {Shape{2}}, {{"axis", std::int64_t{1}}}), HasSubstr("axis 1"));
  EXPECT_THAT(refuses("Flatten", {Shape{2}}, {{"axis", 1.5}}), HasSubstr("wrong type"));
}

TEST(ShapeRules, HugeAndManyDimensions) {
  EXPECT_THAT(error_of([] { infer_shapes(one_node("Relu", {Shape(65, 1)})); }),
              HasSubstr("65 dimensions"));
  EXPECT_THAT(error_of([] {
                infer_shapes(one_node("Relu", {Shape{std::int64_t{1} << 40, 1 << 30}}));
              }),
              HasSubstr("2^62"));
}

TEST(ShapeRules, HugeResultsNameTheNode) {
  const std::int64_t large = std::int64_t{1} << 40;
  EXPECT_THAT(error_of([&] {
                infer_shapes(one_node("Expand", {Shape{1}, integers({large, large})}));
              }),
              testing::AllOf(HasSubstr("2^62"), HasSubstr("node 'Expand_0'")));
  EXPECT_THAT(error_of([] {
                infer_shapes(one_node("Expand", {Shape{1}, integers({-2})}));
              }),
              HasSubstr("negative"));
}

TEST(Unknown, SaysWhichNodeAndWhy) {
  GraphBuilder builder("g");
  builder.input("x", DataType::float32, {{.value = 3}});
  builder.node("NonZero", {"x"}, {}, {"n"});
  builder.node("Relu", {"n"}, {}, {"r"});
  builder.node("Invented", {"x"}, {}, {"i"});
  builder.node("Neg", {"x"}, {}, {"y"});
  for (const char* name : {"r", "i", "y"}) builder.output(name, DataType::float32, {});
  const Model model = builder.build();
  const ShapeTable table = infer_shapes(model);
  EXPECT_EQ(table.find("r"), nullptr);
  EXPECT_NE(table.find("y"), nullptr) << "the rest of the graph is inferred";
  EXPECT_THAT(table.unknown,
              testing::ElementsAre(HasSubstr("node 'NonZero_0' (NonZero): "
                                             "the shape of its output depends on data"),
                                   HasSubstr("the shape of 'n' is not known"),
                                   HasSubstr("the operator is not known")));
  const std::vector<TensorSpec> outputs = output_specs(model, table);
  ASSERT_EQ(outputs.size(), 1U);
  EXPECT_EQ(outputs[0].name, "y");
}

/// What a small graph computes for a shape: its last value is the shape of a ConstantOfShape.
class ShapeProgram {
 public:
  ShapeProgram() : builder_("program") {
    builder_.input("x", DataType::float32, {{.value = 6}, {.value = 4}, {.value = 5}});
  }
  std::string constant(const Ints& values) { return add(integers(values)); }
  std::string scalar(std::int64_t value) { return add(Tensor::scalar(value)); }
  std::string real(const std::vector<float>& values) {
    return add(Tensor::from<float>({static_cast<std::int64_t>(values.size())}, values));
  }
  std::string operator()(std::string_view op, std::vector<std::string> inputs,
                         Attributes attributes = {}) {
    return builder_.node(op, std::move(inputs), std::move(attributes));
  }
  /// The value's elements; {-1} where they are not known.
  Shape elements(const std::string& value) {
    GraphBuilder copy = builder_;
    copy.node("ConstantOfShape", {value}, {}, {"made"});
    copy.output("made", DataType::float32, {});
    const ShapeTable table = infer_shapes(copy.build());
    const ValueShape* made = table.find("made");
    return made != nullptr ? made->shape : Shape{-1};
  }

 private:
  std::string add(Tensor value) {
    return builder_.initializer("c" + std::to_string(next_++), std::move(value));
  }
  GraphBuilder builder_;
  int next_ = 0;
};

TEST(Folding, ExportersChain) {
  // x.view(x.size(0) * 2, -1) as PyTorch writes it
  ShapeProgram p;
  const std::string extent =
      p("Gather", {p("Shape", {"x"}), p.scalar(0)}, {{"axis", std::int64_t{0}}});
  const std::string rows = p("Unsqueeze", {p("Mul", {extent, p.scalar(2)}), p.constant({0})});
  const std::string shape = p("Concat", {rows, p.constant({10})}, {{"axis", std::int64_t{0}}});
  EXPECT_EQ(p.elements(shape), (Shape{12, 10}));
  const std::string reshaped = p("Reshape", {"x", shape});
  EXPECT_EQ(p.elements(p("Shape", {reshaped})), (Shape{12, 10}));
}

TEST(Folding, Operators) {
  ShapeProgram p;
  const std::string shape = p("Shape", {"x"});  // 6 4 5
  EXPECT_EQ(p.elements(p("Shape", {"x"}, {{"start", std::int64_t{1}}, {"end", std::int64_t{-1}}})),
            (Shape{4}));
  EXPECT_EQ(p.elements(p("Size", {"x"})), (Shape{120})) << "a scalar counts as one extent";
  EXPECT_EQ(p.elements(p("Slice", {shape, p.constant({1}), p.constant({99})})), (Shape{4, 5}));
  EXPECT_EQ(p.elements(p("Slice", {shape, p.constant({-1}), p.constant({-99}), p.constant({0}),
                                   p.constant({-2})})),
            (Shape{5, 6}));
  EXPECT_EQ(p.elements(p("Gather", {shape, p.constant({-1, 0})})), (Shape{5, 6}));
  EXPECT_EQ(p.elements(p("Add", {shape, p.constant({1})})), (Shape{7, 5, 6}));
  EXPECT_EQ(p.elements(p("Sub", {shape, p.constant({1, 2, 3})})), (Shape{5, 2, 2}));
  EXPECT_EQ(p.elements(p("Div", {shape, p.constant({4})})), (Shape{1, 1, 1}));
  EXPECT_EQ(p.elements(p("Mod", {shape, p.constant({4})})), (Shape{2, 0, 1}));
  EXPECT_EQ(p.elements(p("Max", {shape, p.constant({5})})), (Shape{6, 5, 5}));
  EXPECT_EQ(p.elements(p("Min", {shape, p.constant({5})})), (Shape{5, 4, 5}));
  EXPECT_EQ(p.elements(p("Neg", {p("Neg", {shape})})), (Shape{6, 4, 5}));
  const std::string is_four = p("Equal", {shape, p.constant({4})});
  EXPECT_EQ(p.elements(p("Where", {is_four, p.constant({9}), shape})), (Shape{6, 9, 5}));
  EXPECT_EQ(p.elements(p("Where", {p("Not", {is_four}), p.constant({9}), shape})),
            (Shape{9, 4, 9}));
  EXPECT_EQ(p.elements(p("ReduceProd", {shape})), (Shape{120}));
  EXPECT_EQ(p.elements(p("ReduceSum", {shape})), (Shape{15}));
  EXPECT_EQ(p.elements(p("Range", {p.scalar(2), p.scalar(9), p.scalar(3)})), (Shape{2, 5, 8}));
  EXPECT_EQ(p.elements(p("Expand", {p.scalar(3), p.constant({2})})), (Shape{3, 3}));
  const Tensor seven = integers({7});
  EXPECT_EQ(p.elements(p("ConstantOfShape", {p.constant({2})}, {{"value", seven}})), (Shape{7, 7}));
  EXPECT_EQ(p.elements(p("Constant", {}, {{"value_ints", Ints{2, 3}}})), (Shape{2, 3}));
  EXPECT_EQ(p.elements(p("Constant", {}, {{"value", seven}})), (Shape{7}));
  EXPECT_EQ(
      p.elements(p("Identity",
                   {p("Squeeze", {p("Unsqueeze", {shape, p.constant({0})}), p.constant({0})})})),
      (Shape{6, 4, 5}));
}

TEST(Folding, RealNumbersOnlyWhereTheyAreWhole) {
  ShapeProgram p;
  const auto to_real = [&](const std::string& v) {
    return p("Cast", {v}, {{"to", std::int64_t{1}}});
  };
  const auto to_integer = [&](const std::string& v) {
    return p("Cast", {p("Floor", {v})}, {{"to", std::int64_t{7}}});
  };
  const std::string shape = p("Shape", {"x"});  // 6 4 5
  EXPECT_EQ(p.elements(to_integer(p("Mul", {to_real(shape), p.real({2})}))), (Shape{12, 8, 10}));
  EXPECT_EQ(p.elements(to_integer(p("Div", {to_real(shape), p.real({1})}))), (Shape{6, 4, 5}));
  EXPECT_EQ(p.elements(to_integer(p("Div", {to_real(shape), p.real({2})}))), (Shape{-1}))
      << "5 / 2 is not whole, and must not become 2 before it is rounded";
  EXPECT_EQ(p.elements(to_integer(p("Mul", {to_real(shape), p.real({0.5F})}))), (Shape{-1}));
}

TEST(Folding, WhatCannotBeComputedIsUnknown) {
  ShapeProgram p;
  EXPECT_EQ(p.elements(p("Div", {p.constant({1}), p.constant({0})})), (Shape{-1}));
  const std::string huge = p.constant({std::int64_t{1} << 62});
  EXPECT_EQ(p.elements(p("Mul", {huge, huge})), (Shape{-1})) << "overflows";
  const Ints many(5000, 1);
  EXPECT_EQ(p.elements(p.constant(many)), (Shape{-1})) << "more than a shape";
  EXPECT_EQ(p.elements(p("Cast", {p.constant({300})}, {{"to", std::int64_t{2}}})), (Shape{-1}))
      << "300 does not fit into a uint8";
}

TEST(If, BranchesThatAgreeAreKnown) {
  const auto branch = [](std::string_view op, const Attributes& attributes = {}) {
    auto graph = std::make_shared<Graph>();
    graph->nodes.push_back(
        {.op_type = std::string(op), .inputs = {"x"}, .outputs = {"r"}, .attributes = attributes});
    graph->outputs.push_back({.name = "r"});
    return std::shared_ptr<const Graph>(graph);
  };
  const auto shape = [&](const Attributes& branches, std::optional<bool> condition) {
    GraphBuilder builder("g");
    builder.input("x", DataType::float32, {{.value = 2}, {.value = 3}});
    if (condition) {
      builder.initializer("c", Tensor::scalar(*condition));
    } else {
      builder.input("c", DataType::boolean, {});
    }
    builder.node("If", {"c"}, branches, {"y"});
    builder.output("y", DataType::float32, {});
    const ShapeTable table = infer_shapes(builder.build());
    const ValueShape* found = table.find("y");
    return found != nullptr ? found->shape : Shape{-1};
  };
  const Attributes agree{{"then_branch", branch("Neg")}, {"else_branch", branch("Relu")}};
  const Attributes differ{{"then_branch", branch("Neg")}, {"else_branch", branch("Transpose")}};
  EXPECT_EQ(shape(agree, std::nullopt), (Shape{2, 3}));
  EXPECT_EQ(shape(differ, std::nullopt), (Shape{-1}));
  EXPECT_EQ(shape(differ, true), (Shape{2, 3})) << "the condition is known";
  EXPECT_EQ(shape(differ, false), (Shape{3, 2}));
}

}  // namespace
}  // namespace moliere::onnx
