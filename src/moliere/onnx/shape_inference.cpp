// SPDX-License-Identifier: Apache-2.0
#include "moliere/onnx/shape_inference.hpp"

#include "moliere/core/error.hpp"
#include "moliere/onnx/names.hpp"
#include "moliere/onnx/shape_rules.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::onnx {
namespace {

/// Names that exporters give to the dimension of events.
bool is_batch_name(std::string_view symbol) {
  constexpr std::array<std::string_view, 6> names{"batch", "batch_size", "N",
                                                  "bs",    "batch_dim",  "n"};
  return std::ranges::find(names, symbol) != names.end();
}

/// All folded numbers together. Real shapes take a few thousand; a file of a megabyte could make
/// gigabytes of copies of one.
constexpr std::size_t most_known = std::size_t{1} << 22;

/// Infers one graph; a subgraph sees what is known around it.
class Inference {
 public:
  Inference(std::int64_t opset, const Inference* outer, ShapeTable& table, std::size_t& known_count)
      : opset_(opset), outer_(outer), table_(table), known_count_(known_count) {}

  void run(const Graph& graph) {
    for (const auto& [name, tensor] : graph.initializers) {
      set(name, {tensor->type(), tensor->shape()});
      constants_[name] = tensor.get();
      if (auto integers = known_integers(*tensor)) keep(name, *std::move(integers));
    }
    for (const Node& node : graph.nodes) infer(node);
  }

  void set(const std::string& name, ValueShape shape) {
    element_count(shape.shape);  // throws for what no machine can hold
    if (shape.shape.size() > highest_rank) {
      throw Error(fmt::format("'{}' has {} dimensions", name, shape.shape.size()),
                  fmt::format("no operator works with more than {}", highest_rank),
                  "check that the file is not damaged");
    }
    shapes_[name] = std::move(shape);
  }

  const ValueShape* find_shape(const std::string& name) const {
    const auto found = shapes_.find(name);
    if (found != shapes_.end()) return &found->second;
    return outer_ != nullptr ? outer_->find_shape(name) : nullptr;
  }

  std::map<std::string, ValueShape, std::less<>> take() { return std::move(shapes_); }

 private:
  const KnownIntegers* find_known(const std::string& name) const {
    const auto found = known_.find(name);
    if (found != known_.end()) return &found->second;
    return outer_ != nullptr ? outer_->find_known(name) : nullptr;
  }

  const Tensor* find_constant(const std::string& name) const {
    const auto found = constants_.find(name);
    if (found != constants_.end()) return found->second;
    return outer_ != nullptr ? outer_->find_constant(name) : nullptr;
  }

  void keep(const std::string& name, KnownIntegers integers) {
    if (name.empty() || known_count_ + integers.values.size() > most_known) return;
    known_count_ += integers.values.size();
    known_[name] = std::move(integers);
  }

  void infer(const Node& node) {
    if (node.outputs.empty()) return;
    ShapeCall call{.node = node, .opset = opset_};
    for (const std::string& input : node.inputs) {
      call.inputs.push_back(input.empty() ? nullptr : find_shape(input));
      call.known.push_back(input.empty() ? nullptr : find_known(input));
      call.constants.push_back(input.empty() ? nullptr : find_constant(input));
    }
    try {
      std::vector<ValueShape> results = infer_outputs(node, call);
      if (results.size() < node.outputs.size())
        throw UnknownShape{"it has more outputs than are known"};
      for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        if (!node.outputs[i].empty()) set(node.outputs[i], std::move(results[i]));
      }
      if (!node.domain.empty()) return;
      const AttributeValue* value =
          node.op_type == "Constant" ? node.find_attribute("value") : nullptr;
      if (value != nullptr) constants_[node.outputs[0]] = std::get_if<Tensor>(value);
      if (auto integers = fold_integers(call)) keep(node.outputs[0], *std::move(integers));
    } catch (const UnknownShape& unknown) {
      table_.unknown.push_back(fmt::format("{}: {}", describe(node), unknown.reason));
    } catch (const Error& error) {
      throw error.about(describe(node));
    }
  }

  std::vector<ValueShape> infer_outputs(const Node& node, const ShapeCall& call) {
    if (!node.domain.empty())
      throw UnknownShape{fmt::format("operators of {} are not known", node.domain)};
    if (node.op_type == "If") return infer_if(node, call);
    if (node.op_type == "Loop" || node.op_type == "Scan" || node.op_type == "SequenceMap")
      throw UnknownShape{"shapes of loops are not inferred"};
    const auto rule = shape_rules().find(node.op_type);
    if (rule == shape_rules().end()) throw UnknownShape{"the operator is not known"};
    return rule->second(call);
  }

  /// What both branches agree on, or the branch that is taken where that is known: exporters ask
  /// for extents that are fixed here.
  std::vector<ValueShape> infer_if(const Node& node, const ShapeCall& call) {
    std::vector<const char*> keys{"then_branch", "else_branch"};
    if (call.has_integers(0) && call.integers(0).size() == 1)
      keys = {call.integers(0)[0] != 0 ? "then_branch" : "else_branch"};
    std::vector<std::vector<ValueShape>> branches;
    for (const char* key : keys) {
      const auto graph = node.attribute<std::shared_ptr<const Graph>>(key, nullptr);
      if (graph == nullptr) throw UnknownShape{"a branch is missing"};
      Inference inner(opset_, this, table_, known_count_);
      inner.run(*graph);
      std::vector<ValueShape>& outputs = branches.emplace_back();
      for (const ValueInfo& output : graph->outputs) {
        const ValueShape* shape = inner.find_shape(output.name);
        if (shape == nullptr) throw UnknownShape{"the shape of a branch is not known"};
        outputs.push_back(*shape);
      }
    }
    if (branches.front() != branches.back())
      throw UnknownShape{"its branches have different shapes"};
    return branches.front();
  }

  std::int64_t opset_;
  const Inference* outer_;
  ShapeTable& table_;
  std::size_t& known_count_;
  std::map<std::string, ValueShape, std::less<>> shapes_;
  std::map<std::string, KnownIntegers, std::less<>> known_;
  std::map<std::string, const Tensor*, std::less<>> constants_;
};

}  // namespace

Model bind_dimensions(Model model, const DimensionBindings& bindings,
                      std::optional<std::int64_t> batch) {
  if (batch && *batch < 1) {
    throw Error(fmt::format("the batch cannot be {}", *batch), "it counts events",
                "give a number above 0");
  }
  DimensionBindings values = bindings;
  std::set<std::string> symbols;
  const auto is_open = [](const Dimension& dimension) { return !dimension.value.has_value(); };
  for (const ValueInfo& input : model.graph.inputs) {
    if (!input.shape) {
      throw Error(fmt::format("the rank of input '{}' is not declared", input.name),
                  "no input can be made for it", "export the model with the shapes of its inputs");
    }
    for (std::size_t i = 0; i < input.shape->size(); ++i) {
      const Dimension& dimension = (*input.shape)[i];
      if (!is_open(dimension)) continue;
      if (dimension.symbol.empty()) continue;
      symbols.insert(dimension.symbol);
      const bool is_batch = i == 0 || is_batch_name(dimension.symbol);
      if (batch && is_batch) values.try_emplace(dimension.symbol, *batch);
    }
  }
  for (const auto& [name, value] : bindings) {
    if (!symbols.contains(name)) {
      throw Error(fmt::format("the model has no open dimension '{}'", name),
                  symbols.empty() ? "none of its open dimensions has a name"
                                  : fmt::format("it has {}", fmt::join(symbols, ", ")),
                  "check the name given with --dim");
    }
    if (value < 1) {
      throw Error(fmt::format("dimension '{}' cannot be {}", name, value), "it counts elements",
                  "give a number above 0");
    }
  }
  for (ValueInfo& input : model.graph.inputs) {
    for (std::size_t i = 0; i < input.shape->size(); ++i) {
      Dimension& dimension = (*input.shape)[i];
      if (!is_open(dimension)) continue;
      const auto found = values.find(dimension.symbol);
      if (found != values.end()) {
        dimension.value = found->second;
      } else if (batch && i == 0) {
        dimension.value = *batch;
      } else {
        throw Error(fmt::format("dimension {} of input '{}' is open", i, input.name),
                    dimension.symbol.empty() ? "it has no name either"
                                             : fmt::format("it is called '{}'", dimension.symbol),
                    dimension.symbol.empty() ? "export the model with a name or a number there"
                                             : fmt::format("give --dim {}=N", dimension.symbol));
      }
      dimension.symbol.clear();
    }
  }
  const auto fix = [&](std::vector<ValueInfo>& infos) {
    for (ValueInfo& info : infos) {
      if (!info.shape) continue;
      for (Dimension& dimension : *info.shape) {
        const auto found = values.find(dimension.symbol);
        if (!is_open(dimension) || found == values.end()) continue;
        dimension = {.value = found->second};
      }
    }
  };
  fix(model.graph.outputs);
  fix(model.graph.value_infos);
  return model;
}

ShapeTable infer_shapes(const Model& model) {
  ShapeTable table;
  std::size_t known_count = 0;
  Inference inference(model.opset(), nullptr, table, known_count);
  for (const TensorSpec& spec : input_specs(model))
    inference.set(spec.name, {spec.type, spec.shape});
  inference.run(model.graph);
  table.values = inference.take();
  return table;
}

std::vector<TensorSpec> input_specs(const Model& model) {
  std::vector<TensorSpec> specs;
  for (const ValueInfo& input : model.graph.inputs) {
    TensorSpec spec{.name = input.name, .type = input.type};
    const bool concrete = input.shape && std::ranges::all_of(*input.shape, [](const Dimension& d) {
                            return d.value.has_value();
                          });
    if (!concrete) {
      throw Error(fmt::format("the shape of input '{}' is not fixed", input.name),
                  "costs and inputs depend on it", "give --batch or --dim NAME=N");
    }
    for (const Dimension& dimension : *input.shape) spec.shape.push_back(*dimension.value);
    element_count(spec.shape);
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::vector<TensorSpec> output_specs(const Model& model, const ShapeTable& shapes) {
  std::vector<TensorSpec> specs;
  for (const ValueInfo& output : model.graph.outputs) {
    if (const ValueShape* shape = shapes.find(output.name)) {
      specs.push_back({output.name, shape->type, shape->shape});
    }
  }
  return specs;
}

}  // namespace moliere::onnx
