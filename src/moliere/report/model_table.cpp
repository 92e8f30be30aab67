// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/model_table.hpp"

#include "moliere/onnx/shape_inference.hpp"
#include "moliere/report/format.hpp"

#include <map>

#include <fmt/format.h>

namespace moliere::report {
namespace {

std::vector<TensorSpec> outputs_of(const bench::ModelCase& model) {
  return onnx::output_specs(model.model, onnx::infer_shapes(model.model));
}

std::string spec_lines(std::string_view title, const std::vector<TensorSpec>& specs) {
  std::string text;
  for (const TensorSpec& spec : specs) {
    text += fmt::format("  {} {} {} {}\n", left(std::string(title), 20), left(spec.name, 24),
                        left(std::string(to_string(spec.type)), 9), to_string(spec.shape));
  }
  return text;
}

std::string count(std::int64_t value) { return with_prefix(static_cast<double>(value)); }

std::string node_lines(const onnx::GraphCost& cost) {
  std::string text = fmt::format("\n{} {} {} {} {} {} {}\n", left("node", 24), left("operator", 18),
                                 left("output", 18), right("parameters", 10), right("MAC", 7),
                                 right("FLOP", 7), right("bytes", 8));
  for (const onnx::NodeCost& node : cost.nodes) {
    text += fmt::format("{} {} {} {} {} {} {}{}\n", left(node.node, 24), left(node.op_type, 18),
                        left(node.output_shape, 18), right(count(node.cost.parameters), 10),
                        right(count(node.cost.macs), 7), right(count(node.cost.flops), 7),
                        right(bytes(node.cost.bytes_read + node.cost.bytes_written), 8),
                        node.complete ? "" : " +");
  }
  return text;
}

Json to_json(const onnx::Cost& cost) {
  return {{"parameters", cost.parameters},
          {"macs", cost.macs},
          {"flops", cost.flops},
          {"bytes_read", cost.bytes_read},
          {"bytes_written", cost.bytes_written}};
}

Json to_json(const std::vector<TensorSpec>& specs) {
  Json json = Json::array();
  for (const TensorSpec& spec : specs) {
    json.push_back({{"name", spec.name}, {"type", to_string(spec.type)}, {"shape", spec.shape}});
  }
  return json;
}

}  // namespace

std::string model_table(const bench::ModelCase& model, bool per_node) {
  const onnx::GraphCost& cost = model.cost;
  const onnx::Cost& total = cost.total;
  std::map<std::string, int> operators;
  for (const onnx::Node& node : model.model.graph.nodes) ++operators[node.op_type];
  std::string kinds;
  for (const auto& [name, number] : operators) kinds += fmt::format(" {} {}", number, name);

  std::string text =
      fmt::format("{} (opset {}, IR {}, {} {})\n", model.name, model.model.opset(),
                  model.model.ir_version, model.model.producer_name, model.model.producer_version);
  text += spec_lines("input", model.inputs) + spec_lines("output", outputs_of(model));
  const auto line = [&](std::string_view what, const std::string& value) {
    text += fmt::format("  {} {}\n", left(std::string(what), 20), value);
  };
  line("nodes", left(fmt::format("{}:{}", model.model.graph.nodes.size(), kinds), 76));
  line("parameters", fmt::format("{} ({})", total.parameters, count(total.parameters)));
  line("multiply-adds", count(total.macs));
  line("FLOP",
       count(total.flops) + (cost.complete ? "" : " at least: shapes of some nodes are unknown"));
  line("bytes between nodes", bytes(total.bytes_read + total.bytes_written));
  line("compulsory bytes", bytes(cost.compulsory_bytes));
  if (cost.compulsory_bytes > 0) {
    line("FLOP per byte", fmt::format("{:.3g}", static_cast<double>(total.flops) /
                                                    static_cast<double>(cost.compulsory_bytes)));
  }
  line("least memory",
       fmt::format("{} = weights {} + activations {} (at {})", bytes(cost.memory.total()),
                   bytes(cost.memory.weights), bytes(cost.memory.activations),
                   cost.memory.peak_node.empty() ? "-" : cost.memory.peak_node));
  line("the caller's own",
       fmt::format("inputs {}, outputs {}", bytes(cost.memory.inputs), bytes(cost.memory.outputs)));
  if (per_node) text += node_lines(cost);
  return text;
}

Json model_json(const bench::ModelCase& model, bool per_node) {
  const onnx::GraphCost& cost = model.cost;
  Json json = {{"model", model.name},
               {"hash", model.hash},
               {"opset", model.model.opset()},
               {"ir_version", model.model.ir_version},
               {"batch", model.batch},
               {"inputs", to_json(model.inputs)},
               {"outputs", to_json(outputs_of(model))},
               {"cost", to_json(cost.total)},
               {"compulsory_bytes", cost.compulsory_bytes},
               {"complete", cost.complete}};
  json["memory"] = {{"weights", cost.memory.weights},
                    {"activations", cost.memory.activations},
                    {"inputs", cost.memory.inputs},
                    {"outputs", cost.memory.outputs},
                    {"peak_node", cost.memory.peak_node}};
  if (per_node) {
    json["nodes"] = Json::array();
    for (const onnx::NodeCost& node : cost.nodes) {
      Json entry = {{"name", node.node},
                    {"operator", node.op_type},
                    {"output_shape", node.output_shape},
                    {"complete", node.complete}};
      entry.update(to_json(node.cost));
      json["nodes"].push_back(std::move(entry));
    }
  }
  return json;
}

}  // namespace moliere::report
