// SPDX-License-Identifier: Apache-2.0
#include "moliere/onnx/model_file.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/onnx/detail/proto.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace moliere::onnx {
namespace fs = std::filesystem;
using ::onnx::AttributeProto;
using ::onnx::FunctionProto;
using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TypeProto;
using ::onnx::ValueInfoProto;
namespace {

/// The operator sets whose definitions this code follows; the newest is that of onnx 1.23.
constexpr std::int64_t oldest_opset = 7;
constexpr std::int64_t newest_opset = 28;
/// Subgraphs within subgraphs, functions within functions.
constexpr int deepest_nesting = 32;
/// Functions that call functions grow exponentially with their nesting: a file of a kilobyte could
/// ask for all memory. What is expanded may be this much, or a few times the file [bytes].
constexpr std::size_t most_expanded_bytes = std::size_t{16} << 20;
constexpr std::size_t most_expanded_per_file_byte = 4;
/// Tied weights may name the same bytes; a thousand tensors of one large file are an attack.
constexpr std::uintmax_t most_uses_of_external_data = 8;
/// A node of ours is larger than its few bytes in the file.
constexpr std::size_t bytes_of_a_node = 64;
/// Enough to tell by which function a value was made.
constexpr std::size_t longest_function_prefix = 64;

std::string normalized_domain(const std::string& domain) {
  return domain == "ai.onnx" ? "" : domain;
}

/// Where a node stands: in the graph itself, or in the body of a function that is expanded.
struct Scope {
  /// "" in the graph; else every value of the body is renamed to prefix + name.
  std::string prefix;
  /// The body's formal inputs and outputs -> the names at the call.
  std::map<std::string, std::string> actual;
  /// The call's attributes, which the body refers to by name.
  std::map<std::string, const AttributeProto*> attributes;

  std::string rename(const std::string& name) const {
    if (prefix.empty() || name.empty()) return name;
    const auto found = actual.find(name);
    return found != actual.end() ? found->second : prefix + name;
  }
};

class Reader {
 public:
  Reader(const ModelProto& proto, std::size_t file_bytes, const fs::path& folder)
      : proto_(proto),
        folder_(folder),
        expandable_bytes_(std::max(most_expanded_bytes, file_bytes * most_expanded_per_file_byte)) {
    for (const FunctionProto& function : proto.functions()) {
      functions_[function_key(function.domain(), function.name(), function.overload())] = &function;
    }
  }

  Model read() {
    Model model;
    model.ir_version = proto_.ir_version();
    model.producer_name = proto_.producer_name();
    model.producer_version = proto_.producer_version();
    for (const auto& import : proto_.opset_import()) {
      model.opset_imports[normalized_domain(import.domain())] = import.version();
    }
    for (const auto& entry : proto_.metadata_props()) model.metadata[entry.key()] = entry.value();
    check_opset(model);
    model.graph = read_graph(proto_.graph(), Scope{});
    detail::sort_nodes(model.graph, false);
    if (model.graph.outputs.empty()) {
      throw Error("the model has no outputs", "there is nothing to compute",
                  "check that it is the right file, or export the model again");
    }
    return model;
  }

 private:
  static std::string function_key(const std::string& domain, const std::string& name,
                                  const std::string& overload) {
    return fmt::format("{}\n{}\n{}", normalized_domain(domain), name, overload);
  }

  static void check_opset(const Model& model) {
    const auto found = model.opset_imports.find("");
    if (found == model.opset_imports.end()) return;  // only operators of other domains
    if (found->second < oldest_opset || found->second > newest_opset) {
      throw Error(fmt::format("the model uses opset {}", found->second),
                  fmt::format("this version reads opset {} to {}", oldest_opset, newest_opset),
                  "convert it with onnx.version_converter or export it again");
    }
  }

  /// One more level of subgraphs or functions while it lives.
  class Level {
   public:
    explicit Level(int& depth) : depth_(depth) {
      if (depth_ >= deepest_nesting) {
        throw Error("graphs or functions are nested too deeply",
                    fmt::format("more than {} levels", deepest_nesting),
                    "check that the file is not damaged and no function calls itself");
      }
      ++depth_;
    }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --depth_; }

   private:
    int& depth_;
  };

  /// What a function's body adds to the model is paid for before it is copied.
  void charge_expansion(std::size_t bytes) {
    expanded_bytes_ += bytes;
    if (expanded_bytes_ > expandable_bytes_) {
      throw Error("the model's functions expand to far more than its file",
                  "functions may be calling each other without end",
                  "export the model without model-local functions");
    }
  }

  Tensor read_tensor(const ::onnx::TensorProto& proto, const std::string& what) {
    Tensor tensor = detail::tensor_from_proto(proto, what, folder_);
    if (proto.data_location() != ::onnx::TensorProto::EXTERNAL) return tensor;
    std::string location;
    for (const auto& entry : proto.external_data()) {
      if (entry.key() == "location") location = entry.value();
    }
    std::uintmax_t& used = external_bytes_[location];
    used += tensor.bytes().size();
    if (used > most_uses_of_external_data * fs::file_size(folder_ / location)) {
      throw Error(fmt::format("the external file '{}' is used many times over", location),
                  "its weights would take far more memory than the file",
                  "export the model again, with each weight once");
    }
    return tensor;
  }

  Graph read_graph(const GraphProto& proto, const Scope& scope) {
    const Level level(depth_);
    if (proto.sparse_initializer_size() > 0) {
      throw Error("the model has sparse initialisers", "only dense ones are read",
                  "export the model with dense weights");
    }
    Graph graph;
    graph.name = proto.name();
    for (const auto& tensor : proto.initializer()) {
      const std::string name = scope.rename(tensor.name());
      auto value = std::make_shared<const Tensor>(
          read_tensor(tensor, fmt::format("initialiser '{}'", tensor.name())));
      if (!graph.initializers.emplace(name, std::move(value)).second) {
        throw Error(fmt::format("the initialiser '{}' is defined twice", name),
                    "each name of a graph has one definition", "export the model again");
      }
    }
    for (const ValueInfoProto& input : proto.input()) {
      // Up to IR 3 every initialiser is listed as an input as well.
      if (graph.find_initializer(scope.rename(input.name())) != nullptr) continue;
      graph.inputs.push_back(read_interface(input, scope, "input"));
    }
    for (const ValueInfoProto& output : proto.output()) {
      graph.outputs.push_back(read_interface(output, scope, "output"));
    }
    for (const ValueInfoProto& value : proto.value_info()) {
      if (auto info = read_value_info(value, scope)) graph.value_infos.push_back(*std::move(info));
    }
    for (const NodeProto& node : proto.node()) read_node(node, scope, graph.nodes);
    return graph;
  }

  /// Nothing where the type is one that we do not have.
  static std::optional<ValueInfo> read_value_info(const ValueInfoProto& proto, const Scope& scope) {
    ValueInfo info{.name = scope.rename(proto.name())};
    if (!proto.has_type() || !proto.type().has_tensor_type()) return std::nullopt;
    const TypeProto::Tensor& tensor = proto.type().tensor_type();
    const std::optional<DataType> type = detail::data_type_from_proto(tensor.elem_type());
    if (!type) return std::nullopt;
    info.type = *type;
    if (!tensor.has_shape()) return info;
    info.shape.emplace();
    for (const auto& dimension : tensor.shape().dim()) {
      Dimension& ours = info.shape->emplace_back();
      if (dimension.has_dim_value()) {
        ours.value = dimension.dim_value();
        if (*ours.value < 0) {
          throw Error(fmt::format("'{}' is declared with the extent {}", info.name, *ours.value),
                      "a dimension has 0 elements or more",
                      "export the model with a named dynamic dimension instead");
        }
      } else {
        ours.symbol = dimension.dim_param();
      }
    }
    return info;
  }

  ValueInfo read_interface(const ValueInfoProto& proto, const Scope& scope,
                           std::string_view kind) const {
    if (auto info = read_value_info(proto, scope)) return *std::move(info);
    // Outputs, and all of a subgraph's values, need no declaration of their type.
    const bool in_subgraph = depth_ > 1;
    if (!proto.has_type() && (kind == "output" || in_subgraph)) {
      return {.name = scope.rename(proto.name())};
    }
    const bool is_tensor = proto.has_type() && proto.type().has_tensor_type();
    throw Error(fmt::format("the {} '{}' is {}", kind, proto.name(),
                            is_tensor ? "a tensor of " + detail::type_name(
                                                             proto.type().tensor_type().elem_type())
                                      : "not a tensor"),
                "Molière computes with tensors of floats, integers and booleans",
                "export the model with tensors at its border");
  }

  void read_node(const NodeProto& proto, const Scope& scope, std::vector<Node>& nodes) {
    const auto function =
        functions_.find(function_key(proto.domain(), proto.op_type(), proto.overload()));
    if (function != functions_.end()) {
      expand(*function->second, proto, scope, nodes);
      return;
    }
    Node node{.name = scope.prefix + proto.name(),
              .op_type = proto.op_type(),
              .domain = normalized_domain(proto.domain())};
    for (const std::string& input : proto.input()) node.inputs.push_back(scope.rename(input));
    for (const std::string& output : proto.output()) node.outputs.push_back(scope.rename(output));
    for (const AttributeProto& attribute : proto.attribute()) {
      const AttributeProto* source = &attribute;
      if (!attribute.ref_attr_name().empty()) {
        const auto found = scope.attributes.find(attribute.ref_attr_name());
        if (found == scope.attributes.end()) continue;  // not given: the operator's default
        source = found->second;
        charge_expansion(source->ByteSizeLong());
      }
      node.attributes.emplace(attribute.name(), read_attribute(*source, node, scope));
    }
    nodes.push_back(std::move(node));
  }

  /// Replaces a call by the function's body, with values renamed after the call.
  void expand(const FunctionProto& function, const NodeProto& call, const Scope& outer,
              std::vector<Node>& nodes) {
    Scope scope{.prefix = fmt::format("{}.{}/", function.name().substr(0, longest_function_prefix),
                                      ++expansions_)};
    const Level level(depth_);
    charge_expansion(function.ByteSizeLong() +
                     bytes_of_a_node * static_cast<std::size_t>(1 + function.node_size()));
    const auto bind = [&](const auto& formal, const auto& actual) {
      for (int i = 0; i < formal.size(); ++i) {
        // An argument that is not given is absent in the body too.
        scope.actual[formal[i]] = i < actual.size() ? outer.rename(actual[i]) : "";
      }
    };
    bind(function.input(), call.input());
    for (int i = 0; i < function.output_size() && i < call.output_size(); ++i) {
      if (!call.output(i).empty()) scope.actual[function.output(i)] = outer.rename(call.output(i));
    }
    for (const AttributeProto& attribute : function.attribute_proto()) {
      scope.attributes[attribute.name()] = &attribute;
    }
    for (const AttributeProto& attribute : call.attribute()) {
      const AttributeProto* source = &attribute;
      if (!attribute.ref_attr_name().empty()) {
        const auto found = outer.attributes.find(attribute.ref_attr_name());
        if (found == outer.attributes.end()) continue;
        source = found->second;
      }
      scope.attributes[attribute.name()] = source;
    }
    for (const NodeProto& node : function.node()) read_node(node, scope, nodes);
  }

  AttributeValue read_attribute(const AttributeProto& proto, const Node& node, const Scope& scope) {
    const std::string what = fmt::format("attribute '{}' of node '{}'", proto.name(), node.name);
    switch (proto.type()) {
      case AttributeProto::INT:
        return proto.i();
      case AttributeProto::FLOAT:
        return static_cast<double>(proto.f());
      case AttributeProto::STRING:
        return proto.s();
      case AttributeProto::INTS:
        return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
      case AttributeProto::FLOATS:
        return std::vector<double>(proto.floats().begin(), proto.floats().end());
      case AttributeProto::STRINGS:
        return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
      case AttributeProto::TENSOR:
        return read_tensor(proto.t(), what);
      case AttributeProto::GRAPH: {
        Graph graph = read_graph(proto.g(), scope);
        detail::sort_nodes(graph, true);
        return std::make_shared<const Graph>(std::move(graph));
      }
      default:
        throw Error(fmt::format("{} is of a kind that is not read", what),
                    "lists of tensors or graphs, sparse tensors and types are not supported",
                    "export the model without it");
    }
  }

  const ModelProto& proto_;
  const fs::path& folder_;
  std::map<std::string, const FunctionProto*> functions_;
  std::size_t expandable_bytes_;
  std::size_t expanded_bytes_ = 0;
  std::map<std::string, std::uintmax_t> external_bytes_;
  int depth_ = 0;
  int expansions_ = 0;
};

void write_attribute(const std::string& name, const AttributeValue& value, AttributeProto& proto);

void write_value_info(const ValueInfo& info, ValueInfoProto& proto) {
  proto.set_name(info.name);
  TypeProto::Tensor& tensor = *proto.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(detail::data_type_to_proto(info.type));
  if (!info.shape) return;
  auto& shape = *tensor.mutable_shape();
  for (const Dimension& dimension : *info.shape) {
    auto& written = *shape.add_dim();
    if (dimension.value) {
      written.set_dim_value(*dimension.value);
    } else if (!dimension.symbol.empty()) {
      written.set_dim_param(dimension.symbol);
    }
  }
}

void write_graph(const Graph& graph, GraphProto& proto) {
  proto.set_name(graph.name.empty() ? "graph" : graph.name);
  for (const Node& node : graph.nodes) {
    NodeProto& written = *proto.add_node();
    written.set_name(node.name);
    written.set_op_type(node.op_type);
    if (!node.domain.empty()) written.set_domain(node.domain);
    for (const std::string& input : node.inputs) written.add_input(input);
    for (const std::string& output : node.outputs) written.add_output(output);
    for (const auto& [name, value] : node.attributes) {
      write_attribute(name, value, *written.add_attribute());
    }
  }
  for (const auto& [name, tensor] : graph.initializers) {
    detail::tensor_to_proto(*tensor, name, *proto.add_initializer());
  }
  for (const ValueInfo& input : graph.inputs) write_value_info(input, *proto.add_input());
  for (const ValueInfo& output : graph.outputs) write_value_info(output, *proto.add_output());
  for (const ValueInfo& value : graph.value_infos) write_value_info(value, *proto.add_value_info());
}

void write_attribute(const std::string& name, const AttributeValue& value, AttributeProto& proto) {
  proto.set_name(name);
  struct Visitor {
    AttributeProto& proto;
    void operator()(std::int64_t i) const {
      proto.set_type(AttributeProto::INT);
      proto.set_i(i);
    }
    void operator()(double f) const {
      proto.set_type(AttributeProto::FLOAT);
      proto.set_f(static_cast<float>(f));
    }
    void operator()(const std::string& s) const {
      proto.set_type(AttributeProto::STRING);
      proto.set_s(s);
    }
    void operator()(const std::vector<std::int64_t>& ints) const {
      proto.set_type(AttributeProto::INTS);
      for (const std::int64_t i : ints) proto.add_ints(i);
    }
    void operator()(const std::vector<double>& floats) const {
      proto.set_type(AttributeProto::FLOATS);
      for (const double f : floats) proto.add_floats(static_cast<float>(f));
    }
    void operator()(const std::vector<std::string>& strings) const {
      proto.set_type(AttributeProto::STRINGS);
      for (const std::string& s : strings) proto.add_strings(s);
    }
    void operator()(const Tensor& tensor) const {
      proto.set_type(AttributeProto::TENSOR);
      detail::tensor_to_proto(tensor, "", *proto.mutable_t());
    }
    void operator()(const std::shared_ptr<const Graph>& graph) const {
      proto.set_type(AttributeProto::GRAPH);
      write_graph(*graph, *proto.mutable_g());
    }
  };
  std::visit(Visitor{proto}, value);
}

/// Protobuf's own parser, with its limit on nesting; false when the bytes are no such message.
template <class Message>
bool parse(std::span<const std::byte> bytes, Message& message) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return false;
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

template <class Message>
std::vector<std::byte> serialize(const Message& message) {
  std::vector<std::byte> bytes(message.ByteSizeLong());
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw Error("the model is larger than 2 GiB", "an ONNX file cannot hold more in one piece",
                "keep its original file, with external data");
  }
  // Deterministic: the schema has no map, whose order protobuf leaves open.
  message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

}  // namespace

Model parse_model(std::span<const std::byte> bytes, const fs::path& folder) {
  ModelProto proto;
  // A valid protobuf is not yet a model: every ONNX file has a version and a graph.
  if (bytes.empty() || !parse(bytes, proto) || !proto.has_ir_version() || !proto.has_graph()) {
    throw Error("this is not an ONNX model",
                bytes.empty() ? "it is empty" : "its bytes are no ONNX message, or are cut off",
                "check that it is the right file and that it is complete");
  }
  return Reader(proto, bytes.size(), folder).read();
}

Model load_model(const fs::path& path) {
  const std::vector<std::byte> bytes = read_bytes(path);
  try {
    return parse_model(bytes, path.has_parent_path() ? path.parent_path() : fs::path("."));
  } catch (const Error& error) {
    throw error.about(path.string());
  }
}

std::vector<std::byte> serialize_model(const Model& model) {
  ModelProto proto;
  proto.set_ir_version(model.ir_version);
  proto.set_producer_name(model.producer_name);
  proto.set_producer_version(model.producer_version);
  for (const auto& [domain, opset] : model.opset_imports) {
    auto& import = *proto.add_opset_import();
    import.set_domain(domain);
    import.set_version(opset);
  }
  for (const auto& [key, value] : model.metadata) {
    auto& entry = *proto.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  write_graph(model.graph, *proto.mutable_graph());
  return serialize(proto);
}

void save_model(const Model& model, const fs::path& path) {
  write_atomically(path, serialize_model(model));
}

Tensor parse_tensor(std::span<const std::byte> bytes) {
  ::onnx::TensorProto proto;
  if (!parse(bytes, proto)) {
    throw Error("this is not an ONNX tensor", "its bytes are no TensorProto, or are cut off",
                "check that it is the right file and that it is complete");
  }
  return detail::tensor_from_proto(proto, fmt::format("tensor '{}'", proto.name()), {});
}

std::vector<std::byte> serialize_tensor(const Tensor& tensor, const std::string& name) {
  ::onnx::TensorProto proto;
  detail::tensor_to_proto(tensor, name, proto);
  return serialize(proto);
}

}  // namespace moliere::onnx
