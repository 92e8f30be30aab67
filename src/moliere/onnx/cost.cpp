// SPDX-License-Identifier: Apache-2.0
#include "moliere/onnx/cost.hpp"

#include "moliere/onnx/names.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

namespace moliere::onnx {
namespace {

/// Declared sizes may be absurd: sums and products stop at the largest number instead of wrapping.
std::int64_t add(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  return __builtin_add_overflow(a, b, &result) ? std::numeric_limits<std::int64_t>::max() : result;
}
std::int64_t multiply(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? std::numeric_limits<std::int64_t>::max() : result;
}
std::int64_t product(const Shape& shape, std::size_t begin, std::size_t end) {
  std::int64_t result = 1;
  for (std::size_t i = begin; i < std::min(end, shape.size()); ++i)
    result = multiply(result, shape[i]);
  return result;
}
std::int64_t elements(const ValueShape& value) {
  return product(value.shape, 0, value.shape.size());
}
std::int64_t bytes_of(const ValueShape& value) {
  return multiply(elements(value), static_cast<std::int64_t>(size_of(value.type)));
}

/// Views: the result is the input under another shape, no byte moves.
bool is_view(const std::string& op) {
  constexpr std::array<std::string_view, 6> views{"Reshape",   "Flatten",  "Squeeze",
                                                  "Unsqueeze", "Identity", "Dropout"};
  return std::ranges::find(views, op) != views.end();
}

/// Operators that move or choose elements and compute nothing.
bool moves_only(const std::string& op) {
  static const std::set<std::string, std::less<>> names{
      "Transpose",      "Concat",          "Split",           "Slice",   "Gather",
      "GatherElements", "GatherND",        "Expand",          "Tile",    "Pad",
      "Constant",       "ConstantOfShape", "Shape",           "Size",    "Cast",
      "CastLike",       "Where",           "DepthToSpace",    "Trilu",   "OneHot",
      "NonZero",        "SpaceToDepth",    "ReverseSequence", "EyeLike", "Compress",
      "Scatter",        "ScatterElements", "ScatterND",       "Range"};
  return is_view(op) || names.contains(op);
}

/// The shapes of one node, by position.
struct NodeShapes {
  const Node& node;
  const ShapeTable& table;
  const ValueShape* input(std::size_t i) const {
    return i < node.inputs.size() && !node.inputs[i].empty() ? table.find(node.inputs[i]) : nullptr;
  }
  const ValueShape* output() const {
    return node.outputs.empty() ? nullptr : table.find(node.outputs[0]);
  }
};

struct Work {
  std::int64_t macs = 0;
  /// Beside the two of each multiply-accumulate.
  std::int64_t other = 0;
};

/// Gemm: M N K multiply-accumulates, M N additions of the bias.
Work gemm_work(const NodeShapes& shapes) {
  const Shape& a = shapes.input(0)->shape;
  const std::int64_t k = a[shapes.node.attribute<std::int64_t>("transA", 0) != 0 ? 0 : 1];
  const std::int64_t outputs = elements(*shapes.output());
  return {multiply(outputs, k), shapes.input(2) != nullptr ? outputs : 0};
}

/// MatMul: one dot product of length K an output.
Work matmul_work(const NodeShapes& shapes) {
  return {multiply(elements(*shapes.output()), shapes.input(0)->shape.back()), 0};
}

/// Conv: each output sums over C_in / group channels and the kernel; and adds a bias.
Work conv_work(const NodeShapes& shapes) {
  const Shape& w = shapes.input(1)->shape;
  const std::int64_t outputs = elements(*shapes.output());
  return {multiply(outputs, product(w, 1, w.size())), shapes.input(2) != nullptr ? outputs : 0};
}

/// ConvTranspose: each input adds a kernel of C_out / group channels into the output.
Work conv_transpose_work(const NodeShapes& shapes) {
  const Shape& w = shapes.input(1)->shape;
  const std::int64_t outputs = elements(*shapes.output());
  return {multiply(elements(*shapes.input(0)), product(w, 1, w.size())),
          shapes.input(2) != nullptr ? outputs : 0};
}

/// Pooling: one operation an element of each window.
Work pool_work(const NodeShapes& shapes) {
  const auto kernel = shapes.node.attribute<std::vector<std::int64_t>>("kernel_shape", {});
  return {0, multiply(elements(*shapes.output()), product(kernel, 0, kernel.size()))};
}

/// Recurrent layers: G gates, each a product with the input and one with the state, every step,
/// direction and event; about ten more operations an element of the state for the gates.
Work recurrent_work(const NodeShapes& shapes) {
  const Shape& x = shapes.input(0)->shape;  // (L, N, I) or (N, L, I)
  const Shape& w = shapes.input(1)->shape;  // (D, G H, I)
  const Shape& r = shapes.input(2)->shape;  // (D, G H, H)
  const std::int64_t steps = multiply(x[0], x[1]);
  const std::int64_t weights = add(product(w, 0, 3), product(r, 0, 3));
  constexpr std::int64_t operations_an_element = 10;
  return {multiply(steps, weights),
          multiply(multiply(steps, multiply(r[0], r[2])), operations_an_element)};
}

/// Q K^T and its product with V; the softmax between them five operations an element.
Work attention_work(const NodeShapes& shapes) {
  const Shape& q = shapes.input(0)->shape;
  const Shape& k = shapes.input(1)->shape;
  const Shape& v = shapes.input(2)->shape;
  const bool split = q.size() == 4;
  const std::int64_t heads =
      split ? q[1]
            : std::max<std::int64_t>(shapes.node.attribute<std::int64_t>("q_num_heads", 1), 1);
  const std::int64_t queries = split ? q[2] : q[1];
  const std::int64_t keys = split ? k[2] : k[1];
  const std::int64_t kv_heads =
      std::max<std::int64_t>(shapes.node.attribute<std::int64_t>("kv_num_heads", heads), 1);
  const std::int64_t head = split ? q[3] : q[2] / heads;
  const std::int64_t value_head = split ? v[3] : v[2] / kv_heads;
  const std::int64_t scores = multiply(multiply(q[0], heads), multiply(queries, keys));
  constexpr std::int64_t softmax_operations = 5;
  return {multiply(scores, add(head, value_head)), multiply(scores, softmax_operations)};
}

/// Einsum: every combination of its letters is one product of all inputs.
Work einsum_work(const NodeShapes& shapes) {
  const auto equation = shapes.node.attribute<std::string>("equation", "");
  std::set<char> counted;
  std::int64_t combinations = 1;
  std::size_t position = 0;
  for (std::size_t i = 0; i < shapes.node.inputs.size(); ++i) {
    std::size_t axis = 0;
    for (; position < equation.size() && equation[position] != ',' && equation[position] != '-';
         ++position) {
      const char letter = equation[position];
      if (letter == ' ') continue;
      const Shape& shape = shapes.input(i)->shape;
      if (letter != '.' && axis < shape.size() && counted.insert(letter).second) {
        combinations = multiply(combinations, shape[axis]);
      }
      ++axis;
    }
    ++position;
  }
  return {combinations, 0};
}

Work per_output(const NodeShapes& shapes, std::int64_t operations) {
  return {0, multiply(elements(*shapes.output()), operations)};
}
Work per_input(const NodeShapes& shapes, std::int64_t operations) {
  return {0, multiply(elements(*shapes.input(0)), operations)};
}

/// Operations of a node whose shapes are known. Conventions: docs/measuring.md.
Work work_of(const NodeShapes& shapes) {
  const std::string& op = shapes.node.op_type;
  if (moves_only(op)) return {};
  if (op == "Gemm") return gemm_work(shapes);
  if (op == "MatMul") return matmul_work(shapes);
  if (op == "Conv") return conv_work(shapes);
  if (op == "ConvTranspose") return conv_transpose_work(shapes);
  if (op == "MaxPool" || op == "AveragePool" || op == "LpPool") return pool_work(shapes);
  if (op == "RNN" || op == "GRU" || op == "LSTM") return recurrent_work(shapes);
  if (op == "Attention") return attention_work(shapes);
  if (op == "Einsum") return einsum_work(shapes);
  // Scale and shift with folded statistics; mean, variance, scale and shift; e^x, sum, division.
  if (op == "BatchNormalization") return per_output(shapes, 2);
  if (op.ends_with("Normalization")) return per_output(shapes, 8);
  if (op == "Softmax" || op == "LogSoftmax") return per_output(shapes, 5);
  if (op.starts_with("Reduce") || op.starts_with("Global") || op == "ArgMax" || op == "ArgMin" ||
      op == "TopK") {
    return per_input(shapes, 1);
  }
  if (op == "Sum" || op == "Mean" || op == "Max" || op == "Min") {
    const auto inputs = static_cast<std::int64_t>(shapes.node.inputs.size());
    return per_output(shapes, std::max<std::int64_t>(inputs - 1, 1));
  }
  return per_output(shapes, 1);
}

bool all_shapes_known(const NodeShapes& shapes) {
  for (std::size_t i = 0; i < shapes.node.inputs.size(); ++i) {
    if (!shapes.node.inputs[i].empty() && shapes.input(i) == nullptr) return false;
  }
  return shapes.output() != nullptr;
}

NodeCost node_cost(const Node& node, const Graph& graph, const ShapeTable& table) {
  const NodeShapes shapes{node, table};
  NodeCost result{.node = node.name, .op_type = node.op_type};
  if (const ValueShape* output = shapes.output()) result.output_shape = to_string(output->shape);
  Cost& cost = result.cost;
  std::set<std::string> read;
  for (const std::string& name : node.inputs) {
    const ValueShape* shape = table.find(name);
    if (shape == nullptr || !read.insert(name).second) continue;
    if (graph.find_initializer(name) != nullptr && is_floating_point(shape->type)) {
      cost.parameters = add(cost.parameters, elements(*shape));
    }
    if (!is_view(node.op_type)) cost.bytes_read = add(cost.bytes_read, bytes_of(*shape));
  }
  for (const std::string& name : node.outputs) {
    const ValueShape* shape = table.find(name);
    if (shape != nullptr && !is_view(node.op_type)) {
      cost.bytes_written = add(cost.bytes_written, bytes_of(*shape));
    }
  }
  result.complete = all_shapes_known(shapes);
  if (result.complete) {
    const Work work = work_of(shapes);
    cost.macs = work.macs;
    cost.flops = add(multiply(work.macs, 2), work.other);
  }
  return result;
}

/// Names of the values that an output depends on, and the initialisers among them.
std::set<std::string> needed_values(const Graph& graph) {
  std::set<std::string> needed;
  for (const ValueInfo& output : graph.outputs) needed.insert(output.name);
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool matters = std::ranges::any_of(
        node->outputs, [&](const std::string& name) { return needed.contains(name); });
    if (!matters) continue;
    for (std::string& name : names_read(*node)) needed.insert(std::move(name));
  }
  return needed;
}

/// The largest set of activations alive at once along the file's order.
class Liveness {
 public:
  Liveness(const Graph& graph, const ShapeTable& table, const std::set<std::string>& needed)
      : graph_(graph), table_(table), needed_(needed) {
    for (const ValueInfo& input : graph.inputs) callers_.insert(input.name);
    for (const ValueInfo& output : graph.outputs) callers_.insert(output.name);
    for (const auto& [name, tensor] : graph.initializers) callers_.insert(name);
    // A view lives in the memory of what it views.
    for (const Node& node : graph.nodes) {
      if (is_view(node.op_type) && !node.inputs.empty())
        owner_[node.outputs[0]] = owner(node.inputs[0]);
    }
    // An output that is a view makes its owner the caller's memory.
    for (const ValueInfo& output : graph.outputs) callers_.insert(owner(output.name));
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const std::string& name : names_read(graph.nodes[i])) last_use_[owner(name)] = i;
    }
  }

  void find_peak(MemoryBound& bound) const {
    std::int64_t alive = 0;
    std::unordered_map<std::string, std::int64_t> sizes;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      const bool matters = std::ranges::any_of(
          node.outputs, [&](const std::string& name) { return needed_.contains(name); });
      if (!matters) continue;
      for (const std::string& name : node.outputs) {
        if (owner(name) != name || callers_.contains(name)) continue;
        const ValueShape* shape = table_.find(name);
        const std::int64_t size = shape != nullptr ? bytes_of(*shape) : 0;
        sizes[name] = size;
        alive = add(alive, size);
      }
      if (alive > bound.activations) {
        bound.activations = alive;
        bound.peak_node = node.name;
      }
      std::erase_if(sizes, [&](const auto& entry) {
        const auto last = last_use_.find(entry.first);
        const bool dead = last == last_use_.end() || last->second <= i;
        if (dead) alive -= entry.second;
        return dead;
      });
    }
  }

 private:
  std::string owner(const std::string& name) const {
    const auto found = owner_.find(name);
    return found != owner_.end() ? found->second : name;
  }

  const Graph& graph_;
  const ShapeTable& table_;
  const std::set<std::string>& needed_;
  std::set<std::string> callers_;
  std::unordered_map<std::string, std::string> owner_;
  std::unordered_map<std::string, std::size_t> last_use_;
};

}  // namespace

GraphCost graph_cost(const Model& model, const ShapeTable& shapes) {
  const Graph& graph = model.graph;
  GraphCost result;
  for (const Node& node : graph.nodes) {
    result.nodes.push_back(node_cost(node, graph, shapes));
    const NodeCost& added = result.nodes.back();
    result.total.macs = add(result.total.macs, added.cost.macs);
    result.total.flops = add(result.total.flops, added.cost.flops);
    result.total.bytes_read = add(result.total.bytes_read, added.cost.bytes_read);
    result.total.bytes_written = add(result.total.bytes_written, added.cost.bytes_written);
    result.complete = result.complete && added.complete;
  }
  const std::set<std::string> needed = needed_values(graph);
  for (const auto& [name, tensor] : graph.initializers) {
    if (!needed.contains(name)) continue;
    result.memory.weights =
        add(result.memory.weights, static_cast<std::int64_t>(tensor->bytes().size()));
    if (is_floating_point(tensor->type())) {
      result.total.parameters = add(result.total.parameters, tensor->size());
    }
  }
  for (const TensorSpec& input : input_specs(model)) {
    result.memory.inputs = add(result.memory.inputs, bytes_of({input.type, input.shape}));
  }
  for (const ValueInfo& output : graph.outputs) {
    const ValueShape* shape = shapes.find(output.name);
    if (shape != nullptr) result.memory.outputs = add(result.memory.outputs, bytes_of(*shape));
  }
  Liveness(graph, shapes, needed).find_peak(result.memory);
  result.compulsory_bytes =
      add(result.memory.weights, add(result.memory.inputs, result.memory.outputs));
  return result;
}

}  // namespace moliere::onnx
