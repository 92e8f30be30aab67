// SPDX-License-Identifier: Apache-2.0
#include "moliere/onnx/cost.hpp"

#include "moliere/onnx/names.hpp"
#include "moliere/onnx/shape_rules.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
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

/// Shape and Size look at no element.
bool reads_elements(const std::string& op) { return op != "Shape" && op != "Size"; }

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

/// The shape that a count needs is not known.
struct MissingShape {};

/// The shapes of one node, by position; throws MissingShape.
struct NodeShapes {
  const Node& node;
  const ShapeTable& table;
  bool has_input(std::size_t i) const {
    return i < node.inputs.size() && !node.inputs[i].empty() && table.find(node.inputs[i]);
  }
  const ValueShape& input(std::size_t i) const {
    if (!has_input(i)) throw MissingShape{};
    return *table.find(node.inputs[i]);
  }
  const ValueShape& output() const {
    const ValueShape* shape = node.outputs.empty() ? nullptr : table.find(node.outputs[0]);
    if (shape == nullptr) throw MissingShape{};
    return *shape;
  }
};

struct Work {
  std::int64_t macs = 0;
  /// Beside the two of each multiply-accumulate.
  std::int64_t other = 0;
};

/// Gemm: M N K multiply-accumulates, M N additions of the bias.
Work gemm_work(const NodeShapes& shapes) {
  const Shape& a = shapes.input(0).shape;
  const std::int64_t k = a[shapes.node.attribute<std::int64_t>("transA", 0) != 0 ? 0 : 1];
  const std::int64_t outputs = elements(shapes.output());
  return {multiply(outputs, k), shapes.has_input(2) ? outputs : 0};
}

/// MatMul: one dot product of length K an output.
Work matmul_work(const NodeShapes& shapes) {
  return {multiply(elements(shapes.output()), shapes.input(0).shape.back()), 0};
}

/// Conv: each output sums over C_in / group channels and the kernel; and adds a bias.
Work conv_work(const NodeShapes& shapes) {
  const Shape& w = shapes.input(1).shape;
  const std::int64_t outputs = elements(shapes.output());
  return {multiply(outputs, product(w, 1, w.size())), shapes.has_input(2) ? outputs : 0};
}

/// ConvTranspose: each input adds a kernel of C_out / group channels into the output.
Work conv_transpose_work(const NodeShapes& shapes) {
  const Shape& w = shapes.input(1).shape;
  const std::int64_t outputs = elements(shapes.output());
  return {multiply(elements(shapes.input(0)), product(w, 1, w.size())),
          shapes.has_input(2) ? outputs : 0};
}

/// Pooling: one operation an element of each window.
Work pool_work(const NodeShapes& shapes) {
  const auto kernel = shapes.node.attribute<std::vector<std::int64_t>>("kernel_shape", {});
  return {0, multiply(elements(shapes.output()), product(kernel, 0, kernel.size()))};
}

/// Recurrent layers: G gates, each a product with the input and one with the state, every step,
/// direction and event; about ten more operations an element of the state for the gates.
Work recurrent_work(const NodeShapes& shapes) {
  const Shape& x = shapes.input(0).shape;  // (L, N, I) or (N, L, I)
  const Shape& w = shapes.input(1).shape;  // (D, G H, I)
  const Shape& r = shapes.input(2).shape;  // (D, G H, H)
  const std::int64_t steps = multiply(x[0], x[1]);
  const std::int64_t weights = add(product(w, 0, 3), product(r, 0, 3));
  constexpr std::int64_t operations_an_element = 10;
  return {multiply(steps, weights),
          multiply(multiply(steps, multiply(r[0], r[2])), operations_an_element)};
}

/// Q K^T and its product with V; the softmax between them five operations an element.
Work attention_work(const NodeShapes& shapes) {
  const Shape& q = shapes.input(0).shape;
  const Shape& k = shapes.input(1).shape;
  const Shape& v = shapes.input(2).shape;
  const bool split = q.size() == 4;
  const std::int64_t heads =
      split ? q[1]
            : std::max<std::int64_t>(shapes.node.attribute<std::int64_t>("q_num_heads", 1), 1);
  const std::int64_t queries = split ? q[2] : q[1];
  const std::int64_t past = shapes.has_input(4) ? shapes.input(4).shape[2] : 0;
  const std::int64_t keys = add(split ? k[2] : k[1], past);
  const std::int64_t kv_heads =
      std::max<std::int64_t>(shapes.node.attribute<std::int64_t>("kv_num_heads", heads), 1);
  const std::int64_t head = split ? q[3] : q[2] / heads;
  const std::int64_t value_head = split ? v[3] : v[2] / kv_heads;
  const std::int64_t scores = multiply(multiply(q[0], heads), multiply(queries, keys));
  constexpr std::int64_t softmax_operations = 5;
  return {multiply(scores, add(head, value_head)), multiply(scores, softmax_operations)};
}

/// Einsum: every combination of its letters (and of what an ellipsis stands for) is one product of
/// all inputs.
Work einsum_work(const NodeShapes& shapes) {
  std::string terms = shapes.node.attribute<std::string>("equation", "");
  std::erase(terms, ' ');
  terms = terms.substr(0, terms.find("->"));
  std::map<char, std::int64_t> extents;
  Shape ellipsis;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < shapes.node.inputs.size(); ++i) {
    const std::size_t end = std::min(terms.find(',', begin), terms.size());
    std::string term = begin < end ? terms.substr(begin, end - begin) : "";
    begin = end + 1;
    Shape shape = shapes.input(i).shape;
    // The letters before the dots belong to the first axes, those after them to the last ones.
    if (const std::size_t dots = term.find("..."); dots != std::string::npos) {
      term.erase(dots, 3);
      const auto first = shape.begin() + static_cast<std::ptrdiff_t>(dots);
      const auto last = first + static_cast<std::ptrdiff_t>(shape.size() - term.size());
      ellipsis = broadcast(ellipsis, Shape(first, last));
      shape.erase(first, last);
    }
    for (std::size_t axis = 0; axis < term.size(); ++axis)
      extents[term[axis]] = std::max(extents[term[axis]], shape[axis]);
  }
  std::int64_t combinations = product(ellipsis, 0, ellipsis.size());
  for (const auto& [letter, extent] : extents) combinations = multiply(combinations, extent);
  return {combinations, 0};
}

Work per_output(const NodeShapes& shapes, std::int64_t operations) {
  return {0, multiply(elements(shapes.output()), operations)};
}
Work per_input(const NodeShapes& shapes, std::int64_t operations) {
  return {0, multiply(elements(shapes.input(0)), operations)};
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
  const auto known = [&](const std::string& name) {
    return name.empty() || shapes.table.find(name) != nullptr;
  };
  return std::ranges::all_of(shapes.node.inputs, known) &&
         std::ranges::all_of(shapes.node.outputs, known);
}

bool has_subgraph(const Node& node) {
  return std::ranges::any_of(node.attributes, [](const auto& attribute) {
    return std::holds_alternative<std::shared_ptr<const Graph>>(attribute.second);
  });
}

/// Values that are there before any call: initialisers and the results of Constant nodes.
std::set<std::string> constants_of(const Graph& graph) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : graph.initializers) names.insert(name);
  for (const Node& node : graph.nodes) {
    if (node.op_type == "Constant") names.insert(node.outputs.begin(), node.outputs.end());
  }
  return names;
}

NodeCost node_cost(const Node& node, const std::set<std::string>& constants,
                   const ShapeTable& table) {
  const NodeShapes shapes{node, table};
  NodeCost result{.node = node.name, .op_type = node.op_type};
  Cost& cost = result.cost;
  const bool moves_bytes = !is_view(node.op_type) && node.op_type != "Constant";
  std::set<std::string> read;
  for (const std::string& name : node.inputs) {
    const ValueShape* shape = table.find(name);
    if (shape == nullptr || !read.insert(name).second) continue;
    if (constants.contains(name) && is_floating_point(shape->type))
      cost.parameters = add(cost.parameters, elements(*shape));
    if (moves_bytes && reads_elements(node.op_type))
      cost.bytes_read = add(cost.bytes_read, bytes_of(*shape));
  }
  for (const std::string& name : node.outputs) {
    const ValueShape* shape = table.find(name);
    if (shape != nullptr && moves_bytes)
      cost.bytes_written = add(cost.bytes_written, bytes_of(*shape));
  }
  // What a subgraph computes is not counted.
  result.complete = all_shapes_known(shapes) && !has_subgraph(node);
  try {
    result.output_shape = to_string(shapes.output().shape);
    if (!result.complete) return result;
    const Work work = work_of(shapes);
    cost.macs = work.macs;
    cost.flops = add(multiply(work.macs, 2), work.other);
  } catch (const MissingShape&) {
    result.complete = false;
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
  Liveness(const Graph& graph, const ShapeTable& table, const std::set<std::string>& needed,
           const std::set<std::string>& constants)
      : graph_(graph), table_(table), needed_(needed), not_ours_(constants) {
    for (const ValueInfo& input : graph.inputs) not_ours_.insert(input.name);
    // A view lives in the memory of what it views.
    for (const Node& node : graph.nodes) {
      if (is_view(node.op_type) && !node.inputs.empty() && !node.outputs.empty())
        owner_[node.outputs[0]] = owner(node.inputs[0]);
    }
    // An output that is a view makes its owner the caller's memory.
    for (const ValueInfo& output : graph.outputs) not_ours_.insert(owner(output.name));
  }

  void find_peak(MemoryBound& bound) const {
    const std::vector<std::int64_t> freed = freed_after();
    std::int64_t alive = 0;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const std::string& name : graph_.nodes[i].outputs) alive = add(alive, size_of_own(name));
      if (alive > bound.activations) {
        bound.activations = alive;
        bound.peak_node = graph_.nodes[i].name;
      }
      // Below zero only where absurd sizes have been cut at the largest number.
      alive = std::max<std::int64_t>(alive - freed[i], 0);
    }
  }

 private:
  const std::string& owner(const std::string& name) const {
    const auto found = owner_.find(name);
    return found != owner_.end() ? found->second : name;
  }

  /// Bytes of a value that the engine has to hold for itself: 0 for views, constants, the caller's
  /// values, and what no output depends on. A result that nobody reads takes no memory either.
  std::int64_t size_of_own(const std::string& name) const {
    if (!needed_.contains(name) || owner(name) != name || not_ours_.contains(name)) return 0;
    const ValueShape* shape = table_.find(name);
    return shape != nullptr ? bytes_of(*shape) : 0;
  }

  /// Bytes that are not needed any more once each node is done.
  std::vector<std::int64_t> freed_after() const {
    std::unordered_map<std::string, std::size_t> last_use;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      const bool matters = std::ranges::any_of(
          node.outputs, [&](const std::string& name) { return needed_.contains(name); });
      if (!matters) continue;
      for (const std::string& name : node.outputs) last_use[owner(name)] = i;
      for (const std::string& name : names_read(node)) last_use[owner(name)] = i;
    }
    std::vector<std::int64_t> freed(graph_.nodes.size());
    for (const Node& node : graph_.nodes) {
      for (const std::string& name : node.outputs) {
        const std::int64_t size = size_of_own(name);
        if (size == 0) continue;
        std::int64_t& sum = freed[last_use.at(name)];
        sum = add(sum, size);
      }
    }
    return freed;
  }

  const Graph& graph_;
  const ShapeTable& table_;
  const std::set<std::string>& needed_;
  /// Inputs, outputs and constants.
  std::set<std::string> not_ours_;
  std::unordered_map<std::string, std::string> owner_;
};

}  // namespace

GraphCost graph_cost(const Model& model, const ShapeTable& shapes) {
  const Graph& graph = model.graph;
  const std::set<std::string> constants = constants_of(graph);
  GraphCost result;
  for (const Node& node : graph.nodes) {
    result.nodes.push_back(node_cost(node, constants, shapes));
    const NodeCost& added = result.nodes.back();
    result.total.macs = add(result.total.macs, added.cost.macs);
    result.total.flops = add(result.total.flops, added.cost.flops);
    result.total.bytes_read = add(result.total.bytes_read, added.cost.bytes_read);
    result.total.bytes_written = add(result.total.bytes_written, added.cost.bytes_written);
    result.complete = result.complete && added.complete;
  }
  const std::set<std::string> needed = needed_values(graph);
  for (const std::string& name : constants) {
    const ValueShape* shape = needed.contains(name) ? shapes.find(name) : nullptr;
    if (shape == nullptr) continue;
    result.memory.weights = add(result.memory.weights, bytes_of(*shape));
    if (is_floating_point(shape->type))
      result.total.parameters = add(result.total.parameters, elements(*shape));
  }
  for (const TensorSpec& input : input_specs(model)) {
    result.memory.inputs = add(result.memory.inputs, bytes_of({input.type, input.shape}));
  }
  for (const ValueInfo& output : graph.outputs) {
    const ValueShape* shape = shapes.find(output.name);
    if (shape != nullptr) result.memory.outputs = add(result.memory.outputs, bytes_of(*shape));
  }
  Liveness(graph, shapes, needed, constants).find_peak(result.memory);
  result.compulsory_bytes =
      add(result.memory.weights, add(result.memory.inputs, result.memory.outputs));
  return result;
}

}  // namespace moliere::onnx
