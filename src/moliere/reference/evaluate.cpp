// SPDX-License-Identifier: Apache-2.0
#include "moliere/reference/evaluate.hpp"

#include "moliere/core/error.hpp"
#include "moliere/onnx/names.hpp"
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <memory>
#include <set>
#include <unordered_map>

namespace moliere::reference {
namespace {

/// Operators that hold subgraphs: done here, since they evaluate them.
constexpr std::array<std::string_view, 3> control_flow{"If", "Loop", "Scan"};

template <class Scalar>
const KernelTable<Scalar>& kernels() {
  static const KernelTable<Scalar> table = [] {
    KernelTable<Scalar> made;
    add_elementwise_operators(made);
    add_logic_operators(made);
    add_movement_operators(made);
    add_gather_operators(made);
    add_generator_operators(made);
    add_reduction_operators(made);
    add_selection_operators(made);
    add_linear_operators(made);
    add_convolution_operators(made);
    add_pooling_operators(made);
    add_sampling_operators(made);
    add_normalization_operators(made);
    add_recurrent_operators(made);
    add_attention_operators(made);
    return made;
  }();
  return table;
}

bool is_control_flow(const std::string& op_type) {
  return std::ranges::find(control_flow, op_type) != control_flow.end();
}

const onnx::Graph& subgraph(const onnx::Node& node, std::string_view key) {
  const auto graph = node.attribute<std::shared_ptr<const onnx::Graph>>(key, nullptr);
  if (graph == nullptr) detail::throw_invalid(fmt::format("the subgraph '{}' is missing", key));
  return *graph;
}

/// Evaluates one graph; a subgraph sees the values of the graphs around it.
template <class Scalar>
class Evaluator {
 public:
  using V = Value<Scalar>;
  using Values = std::vector<V>;

  Evaluator(const onnx::Model& model, Path path, const Evaluator* outer = nullptr)
      : model_(model), path_(path), outer_(outer) {}

  /// Outputs in the graph's order; `inputs` in the order of graph.inputs.
  Values run(const onnx::Graph& graph, Values inputs) {
    detail::require(inputs.size() == graph.inputs.size(), "the number of inputs is wrong");
    values_.clear();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      values_[graph.inputs[i].name] = std::make_shared<const V>(std::move(inputs[i]));
    }
    graph_ = &graph;
    const auto last_use = last_uses(graph);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const onnx::Node& node = graph.nodes[i];
      Values outputs = run_named(node);
      for (std::size_t k = 0; k < node.outputs.size() && k < outputs.size(); ++k) {
        if (node.outputs[k].empty()) continue;
        values_[node.outputs[k]] = std::make_shared<const V>(std::move(outputs[k]));
      }
      // Values that nothing reads any more are given back.
      for (const std::string& name : onnx::names_read(node)) {
        const auto found = last_use.find(name);
        if (found != last_use.end() && found->second == i) values_.erase(name);
      }
    }
    Values outputs;
    for (const onnx::ValueInfo& output : graph.outputs) outputs.push_back(*find(output.name));
    return outputs;
  }

 private:
  static std::unordered_map<std::string, std::size_t> last_uses(const onnx::Graph& graph) {
    std::unordered_map<std::string, std::size_t> result;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (std::string& name : onnx::names_read(graph.nodes[i])) result[std::move(name)] = i;
    }
    for (const onnx::ValueInfo& output : graph.outputs) result.erase(output.name);
    return result;
  }

  /// From this graph or one around it. Throws Error when the value has not been made.
  std::shared_ptr<const V> find(const std::string& name) {
    for (const Evaluator* level = this; level != nullptr; level = level->outer_) {
      const auto found = level->values_.find(name);
      if (found != level->values_.end()) return found->second;
      if (level->graph_ == nullptr) continue;
      if (const Tensor* tensor = level->graph_->find_initializer(name)) {
        return std::make_shared<const V>(V::from_tensor(*tensor));
      }
    }
    throw Error(fmt::format("the value '{}' is not there", name), "nothing before has made it",
                "export the model again");
  }

  Values run_named(const onnx::Node& node) {
    try {
      return run_node(node);
    } catch (const Error& error) {
      throw error.about(onnx::describe(node));
    }
  }

  Values run_node(const onnx::Node& node) {
    if (node.op_type == "If") return run_if(node);
    if (node.op_type == "Loop") return run_loop(node);
    if (node.op_type == "Scan") return run_scan(node);
    const auto kernel = kernels<Scalar>().find(node.op_type);
    if (!node.domain.empty() || kernel == kernels<Scalar>().end()) {
      throw Error("the reference lacks this operator", "nothing tells what its result should be",
                  "run the model without verification, or add the operator (HACKING.md)");
    }
    std::vector<std::shared_ptr<const V>> owners;
    std::vector<const V*> inputs;
    for (const std::string& name : node.inputs) {
      owners.push_back(name.empty() ? nullptr : find(name));
      inputs.push_back(owners.back().get());
    }
    return kernel->second(Call<Scalar>{node, model_.opset(), path_, inputs});
  }

  bool truth(const V& value) const {
    detail::require(value.size() == 1, "a condition has one element");
    return value.booleans()[0] != 0;
  }

  Values run_if(const onnx::Node& node) {
    const bool condition = truth(*find(node.inputs.at(0)));
    return Evaluator(model_, path_, this)
        .run(subgraph(node, condition ? "then_branch" : "else_branch"), {});
  }

  /// for (i = 0; i < trip_count && condition; ++i)
  ///   (condition, carried..., scanned_i...) = body(i, condition, carried...)
  /// Results: carried..., and each scanned output stacked along a new first axis.
  Values run_loop(const onnx::Node& node) {
    const onnx::Graph& body = subgraph(node, "body");
    const auto optional_input = [&](std::size_t i) {
      return i < node.inputs.size() && !node.inputs[i].empty() ? find(node.inputs[i]) : nullptr;
    };
    const std::shared_ptr<const V> trips = optional_input(0);
    const std::shared_ptr<const V> start = optional_input(1);
    const std::int64_t limit =
        trips ? trips->integers().at(0) : std::numeric_limits<std::int64_t>::max();
    bool condition = !start || truth(*start);
    Values carried;
    for (std::size_t i = 2; i < node.inputs.size(); ++i) carried.push_back(*find(node.inputs[i]));
    const std::size_t scans = body.outputs.size() - 1 - carried.size();
    std::vector<Values> scanned(scans);
    for (std::int64_t i = 0; i < limit && condition; ++i) {
      Values inputs{V::integer({}, {i}), V::boolean({}, {condition})};
      inputs.insert(inputs.end(), carried.begin(), carried.end());
      Values outputs = Evaluator(model_, path_, this).run(body, std::move(inputs));
      condition = truth(outputs[0]);
      for (std::size_t k = 0; k < carried.size(); ++k) carried[k] = std::move(outputs[1 + k]);
      for (std::size_t k = 0; k < scans; ++k) {
        scanned[k].push_back(std::move(outputs[1 + carried.size() + k]));
      }
    }
    for (std::size_t k = 0; k < scans; ++k) {
      const onnx::ValueInfo& info = body.outputs[1 + carried.size() + k];
      carried.push_back(stacked(scanned[k], info.type, 0, false));
    }
    return carried;
  }

  /// Joins slices along a new axis, last first where `reverse`.
  static V stacked(Values slices, DataType type, std::int64_t axis_attribute, bool reverse) {
    if (slices.empty()) {
      Tensor empty(type, {0});
      return V::from_tensor(empty);
    }
    if (reverse) std::ranges::reverse(slices);
    Shape shape = slices[0].shape;
    const std::size_t axis = detail::normalize_axis(axis_attribute, shape.size() + 1);
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis),
                 static_cast<std::int64_t>(slices.size()));
    const detail::AxisView view = detail::view_along(shape, axis);
    return detail::make_like(slices[0], shape, [&](const auto& first, auto& made) {
      for (std::size_t s = 0; s < slices.size(); ++s) {
        const auto& elements = detail::same_kind(slices[s], first);
        detail::require(elements.size() == first.size(), "scanned values change their shape");
        for (std::size_t o = 0; o < view.outer; ++o) {
          std::copy_n(
              elements.begin() + static_cast<std::ptrdiff_t>(o * view.inner), view.inner,
              made.begin() + static_cast<std::ptrdiff_t>((o * view.extent + s) * view.inner));
        }
      }
    });
  }

  /// The part of `value` at `index` along `axis`, without that axis.
  static V slice_at(const V& value, std::size_t axis, std::size_t index) {
    const detail::AxisView view = detail::view_along(value.shape, axis);
    Shape shape = value.shape;
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    return detail::make_like(value, shape, [&](const auto& from, auto& to) {
      for (std::size_t o = 0; o < view.outer; ++o) {
        std::copy_n(
            from.begin() + static_cast<std::ptrdiff_t>((o * view.extent + index) * view.inner),
            view.inner, to.begin() + static_cast<std::ptrdiff_t>(o * view.inner));
      }
    });
  }

  /// (state..., out_t...) = body(state..., in_t...) for t along the scanned axes (opset 9 and
  /// newer).
  Values run_scan(const onnx::Node& node) {
    detail::require(model_.opset() >= 9, "Scan of opset 8 (with a batch axis)");
    const onnx::Graph& body = subgraph(node, "body");
    const auto scan_inputs =
        static_cast<std::size_t>(node.attribute<std::int64_t>("num_scan_inputs", 0));
    const std::size_t states = node.inputs.size() - scan_inputs;
    const std::size_t scan_outputs = body.outputs.size() - states;
    const auto list = [&](const char* name, std::size_t size) {
      auto values = node.attribute<detail::Integers>(name, {});
      values.resize(size, 0);
      return values;
    };
    const auto input_axes = list("scan_input_axes", scan_inputs);
    const auto input_directions = list("scan_input_directions", scan_inputs);
    const auto output_axes = list("scan_output_axes", scan_outputs);
    const auto output_directions = list("scan_output_directions", scan_outputs);
    Values state;
    for (std::size_t i = 0; i < states; ++i) state.push_back(*find(node.inputs[i]));
    Values sequences;
    std::vector<std::size_t> axes;
    std::size_t length = 0;
    for (std::size_t i = 0; i < scan_inputs; ++i) {
      sequences.push_back(*find(node.inputs[states + i]));
      axes.push_back(detail::normalize_axis(input_axes[i], sequences[i].shape.size()));
      length = detail::at(sequences[i].shape[axes[i]]);
    }
    std::vector<Values> scanned(scan_outputs);
    for (std::size_t t = 0; t < length; ++t) {
      Values inputs = state;
      for (std::size_t i = 0; i < scan_inputs; ++i) {
        const std::size_t index = input_directions[i] == 0 ? t : length - 1 - t;
        inputs.push_back(slice_at(sequences[i], axes[i], index));
      }
      Values outputs = Evaluator(model_, path_, this).run(body, std::move(inputs));
      for (std::size_t i = 0; i < states; ++i) state[i] = std::move(outputs[i]);
      for (std::size_t i = 0; i < scan_outputs; ++i) {
        scanned[i].push_back(std::move(outputs[states + i]));
      }
    }
    for (std::size_t i = 0; i < scan_outputs; ++i) {
      state.push_back(stacked(scanned[i], body.outputs[states + i].type, output_axes[i],
                              output_directions[i] != 0));
    }
    return state;
  }

  const onnx::Model& model_;
  Path path_;
  const Evaluator* outer_;
  const onnx::Graph* graph_ = nullptr;
  std::unordered_map<std::string, std::shared_ptr<const V>> values_;
};

void collect_missing(const onnx::Graph& graph, std::set<std::string>& missing) {
  for (const onnx::Node& node : graph.nodes) {
    const bool known = node.domain.empty() &&
                       (is_control_flow(node.op_type) || kernels<double>().contains(node.op_type));
    if (!known)
      missing.insert(node.domain.empty() ? node.op_type : node.domain + "." + node.op_type);
    for (const auto& [key, value] : node.attributes) {
      if (const auto* inner = std::get_if<std::shared_ptr<const onnx::Graph>>(&value)) {
        collect_missing(**inner, missing);
      }
    }
  }
}

}  // namespace

template <class Scalar>
std::vector<Tensor> evaluate(const onnx::Model& model, std::span<const Tensor> inputs, Path path) {
  std::vector<Value<Scalar>> values;
  for (const Tensor& tensor : inputs) values.push_back(Value<Scalar>::from_tensor(tensor));
  std::vector<Tensor> tensors;
  for (Value<Scalar>& output : Evaluator<Scalar>(model, path).run(model.graph, std::move(values))) {
    // No digit is lost: floating-point outputs leave in the arithmetic that made them.
    if (output.is_real()) output.type = data_type_of<Scalar>();
    tensors.push_back(output.to_tensor());
  }
  return tensors;
}

template std::vector<Tensor> evaluate<double>(const onnx::Model&, std::span<const Tensor>, Path);
template std::vector<Tensor> evaluate<float>(const onnx::Model&, std::span<const Tensor>, Path);

std::vector<std::string> missing_operators(const onnx::Model& model) {
  std::set<std::string> missing;
  collect_missing(model.graph, missing);
  return {missing.begin(), missing.end()};
}

std::vector<std::string> operator_names() {
  std::vector<std::string> names(control_flow.begin(), control_flow.end());
  for (const auto& [name, kernel] : kernels<double>()) names.push_back(name);
  std::ranges::sort(names);
  return names;
}

}  // namespace moliere::reference
