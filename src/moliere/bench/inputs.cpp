// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/inputs.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/random.hpp"
#include "moliere/onnx/shape_inference.hpp"
#include "moliere/onnx/shape_rules.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace moliere::bench {
namespace {

/// More would not fit beside the engines on the machines that this is for.
constexpr std::int64_t most_bytes = std::int64_t{8} << 30;

/// Whole numbers from `low` up to, not including, `high`.
struct IntegerRange {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

/// Whether an operator hands its input number `position` on, whole or in part, with the values
/// unchanged.
bool keeps_values(const std::string& op, std::size_t position) {
  static const std::set<std::string, std::less<>> first_input{
      "Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze",      "Transpose",
      "Expand",   "Tile", "Slice",   "Split",   "Gather",  "GatherElements", "GatherND"};
  return op == "Concat" || (op == "Where" && position > 0) ||
         (position == 0 && first_input.contains(op));
}

/// The range that consumer `node` allows for its input number `position`; nothing: any or unknown.
std::optional<IntegerRange> range_at(const onnx::Node& node, std::size_t position,
                                     const onnx::ShapeTable& shapes) {
  const onnx::ValueShape* data = node.inputs.empty() ? nullptr : shapes.find(node.inputs[0]);
  const std::string& op = node.op_type;
  const bool takes_index = position == 1 && data != nullptr && !data->shape.empty();
  if (takes_index &&
      (op == "Gather" || op == "GatherElements" || op == "ScatterElements" || op == "Scatter")) {
    const auto axis =
        onnx::normalize_axis(node.attribute<std::int64_t>("axis", 0), data->shape.size());
    return IntegerRange{0, data->shape[axis]};
  }
  if (takes_index && (op == "GatherND" || op == "ScatterND")) {
    // The tuples index several axes: what the smallest of them allows is allowed by all.
    const onnx::ValueShape* tuples = shapes.find(node.inputs[1]);
    if (tuples == nullptr || tuples->shape.empty()) return std::nullopt;
    const auto rank = static_cast<std::int64_t>(data->shape.size());
    const auto shared =
        std::clamp<std::int64_t>(node.attribute<std::int64_t>("batch_dims", 0), 0, rank);
    const std::int64_t depth = std::min(tuples->shape.back(), rank - shared);
    if (depth < 1) return std::nullopt;
    const auto first = data->shape.begin() + shared;
    return IntegerRange{0, *std::min_element(first, first + depth)};
  }
  if (op == "OneHot" && position == 0) {
    const onnx::ValueShape* result = shapes.find(node.outputs[0]);
    if (result == nullptr) return std::nullopt;
    const auto axis =
        onnx::normalize_axis(node.attribute<std::int64_t>("axis", -1), result->shape.size());
    return IntegerRange{0, result->shape[axis]};
  }
  const bool recurrent = op == "RNN" || op == "GRU" || op == "LSTM";
  if (recurrent && position == 4 && data != nullptr) return IntegerRange{1, data->shape[0] + 1};
  // Arithmetic takes any number: small ones keep sums and products in range.
  static const std::set<std::string, std::less<>> arithmetic{
      "Add",       "Sub",       "Mul",      "Equal", "Less",  "Greater",     "Max",
      "Min",       "Abs",       "Neg",      "Sign",  "Where", "LessOrEqual", "GreaterOrEqual",
      "ReduceSum", "ReduceMax", "ReduceMin"};
  if (arithmetic.contains(op)) return IntegerRange{-10, 11};
  return std::nullopt;
}

/// What all consumers of `name` allow together.
void narrow(const onnx::Graph& graph, const onnx::ShapeTable& shapes, const std::string& name,
            std::optional<IntegerRange>& range, std::set<std::string>& seen) {
  // Once each: the ways through a graph can be too many to be walked.
  if (!seen.insert(name).second) return;
  for (const onnx::Node& node : graph.nodes) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] != name) continue;
      if (keeps_values(node.op_type, i)) {
        for (const std::string& output : node.outputs) {
          // A conversion to floating point ends the search: any number will do there.
          const onnx::ValueShape* result = shapes.find(output);
          if (result != nullptr && is_floating_point(result->type)) {
            if (!range) range = IntegerRange{-10, 11};
            continue;
          }
          narrow(graph, shapes, output, range, seen);
        }
        continue;
      }
      const std::optional<IntegerRange> allowed = range_at(node, i, shapes);
      if (!allowed) continue;
      if (!range) range = allowed;
      range->low = std::max(range->low, allowed->low);
      range->high = std::min(range->high, allowed->high);
    }
  }
}

IntegerRange integer_range(const onnx::Model& model, const onnx::ShapeTable& shapes,
                           const TensorSpec& spec) {
  std::optional<IntegerRange> range;
  std::set<std::string> seen;
  narrow(model.graph, shapes, spec.name, range, seen);
  if (!range || range->low >= range->high) {
    throw Error(fmt::format("no values can be drawn for the integer input '{}'", spec.name),
                "what reads it does not tell which numbers it allows",
                fmt::format("give --input-range {}=LO:HI, or your own --input FILE", spec.name));
  }
  return *range;
}

/// The whole numbers of [lo, hi) of --input-range.
IntegerRange given_range(const TensorSpec& spec, const std::pair<double, double>& given) {
  const IntegerRange range = visit_type(spec.type, [&]<class T>() -> IntegerRange {
    if constexpr (std::is_integral_v<T>) {
      // Beyond 2^53 a double does not hold every whole number.
      constexpr double most = 0x1p53;
      const double low = std::max(static_cast<double>(std::numeric_limits<T>::min()), -most);
      const double high = std::min(static_cast<double>(std::numeric_limits<T>::max()), most);
      if (given.first < low || given.second > high + 1) return {};
      return {static_cast<std::int64_t>(std::ceil(given.first)),
              static_cast<std::int64_t>(std::ceil(given.second))};
    }
    return {};
  });
  if (range.low >= range.high) {
    throw Error(
        fmt::format("--input-range {}={}:{} gives no values", spec.name, given.first, given.second),
        fmt::format("the input holds whole numbers ({})", to_string(spec.type)),
        "give a range with whole numbers that this type can hold");
  }
  return range;
}

template <class T>
T converted(double value) {
  if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    return T(value);
  } else {
    return static_cast<T>(value);
  }
}

void fill(Tensor& tensor, RandomStream& random,
          const std::optional<std::pair<double, double>>& given,
          const std::optional<IntegerRange>& integers) {
  visit_type(tensor.type(), [&]<class T>() {
    for (T& element : tensor.data<T>()) {
      if constexpr (std::is_same_v<T, bool>) {
        element = random.below(2) != 0;
      } else if (integers) {
        const auto span = static_cast<std::uint64_t>(integers->high - integers->low);
        const auto bound = static_cast<std::uint32_t>(std::min<std::uint64_t>(span, 0xFFFFFFFFU));
        element = converted<T>(static_cast<double>(integers->low + random.below(bound)));
      } else {
        element =
            converted<T>(given ? random.uniform(given->first, given->second) : random.uniform());
      }
    }
  });
}

}  // namespace

std::vector<std::vector<Tensor>> generate_inputs(const onnx::Model& model, std::size_t count,
                                                 const InputOptions& options) {
  const std::vector<TensorSpec> specs = onnx::input_specs(model);
  const onnx::ShapeTable shapes = onnx::infer_shapes(model);
  std::int64_t bytes = 0;
  for (const TensorSpec& spec : specs) {
    std::int64_t own = 0;
    if (__builtin_mul_overflow(static_cast<std::int64_t>(spec.byte_size()),
                               static_cast<std::int64_t>(count), &own) ||
        __builtin_add_overflow(bytes, own, &bytes) || bytes > most_bytes) {
      throw Error(fmt::format("{} sets of inputs need more than 8 GiB", count),
                  "they must fit into memory", "use a smaller --batch or --dim");
    }
  }
  for (const auto& [name, range] : options.ranges) {
    if (std::ranges::find(specs, name, &TensorSpec::name) == specs.end()) {
      throw Error(fmt::format("--input-range names '{}'", name), "the model has no such input",
                  "see moliere models info");
    }
  }
  std::vector<std::vector<Tensor>> sets(count);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const TensorSpec& spec = specs[i];
    const auto found = options.ranges.find(spec.name);
    std::optional<std::pair<double, double>> given;
    if (found != options.ranges.end()) given = found->second;
    std::optional<IntegerRange> integers;
    if (!is_floating_point(spec.type) && spec.type != DataType::boolean) {
      integers = given ? given_range(spec, *given) : integer_range(model, shapes, spec);
    }
    for (std::size_t set = 0; set < count; ++set) {
      RandomStream random(options.seed, seed_from(model.graph.name + "/" + spec.name) + set);
      Tensor& tensor = sets[set].emplace_back(spec.type, spec.shape);
      fill(tensor, random, given, integers);
    }
  }
  return sets;
}

std::pair<std::string, std::pair<double, double>> parse_input_range(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  const std::size_t colon = text.find(':', equals == std::string::npos ? 0 : equals);
  double low = 0;
  double high = 0;
  const auto number = [&](std::size_t begin, std::size_t end, double& value) {
    const char* first = text.data() + begin;
    const char* last = text.data() + end;
    const auto [parsed, error] = std::from_chars(first, last, value);
    return error == std::errc{} && parsed == last && std::isfinite(value);
  };
  if (equals == std::string::npos || equals == 0 || colon == std::string::npos ||
      !number(equals + 1, colon, low) || !number(colon + 1, text.size(), high) || !(low < high)) {
    throw Error(fmt::format("'{}' does not fit --input-range", text),
                "it takes NAME=LO:HI with LO below HI",
                "write for example --input-range index=0:16");
  }
  return {text.substr(0, equals), {low, high}};
}

}  // namespace moliere::bench
