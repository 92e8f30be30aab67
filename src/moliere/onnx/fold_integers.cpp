// SPDX-License-Identifier: Apache-2.0
// Folding of the small integer tensors from which exporters compute shapes.
#include "moliere/onnx/shape_rules.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace moliere::onnx {
namespace {

using Integers = std::vector<std::int64_t>;

/// Shapes are computed from few numbers: larger tensors are data and are not folded.
constexpr std::size_t most_elements = 4096;

/// Whole numbers up to here are exact: 2^(bits of the significand).
std::int64_t largest_exact(DataType type) {
  if (type == DataType::bfloat16) return std::int64_t{1} << 8;
  if (type == DataType::float16) return std::int64_t{1} << 11;
  return std::int64_t{1} << 24;  // float32; more than enough for float64 as well
}

bool fits(std::int64_t value, DataType type) {
  return visit_type(type, [&]<class T>() {
    if constexpr (std::is_same_v<T, bool>) {
      return value == 0 || value == 1;
    } else if constexpr (std::is_integral_v<T>) {
      return std::in_range<T>(value);
    } else {
      return value >= -largest_exact(type) && value <= largest_exact(type);
    }
  });
}

/// `good` becomes false where the result is not a whole number or does not fit.
std::int64_t apply(const std::string& op, std::int64_t a, std::int64_t b, bool is_real,
                   bool& good) {
  std::int64_t result = 0;
  if (op == "Add") good = good && !__builtin_add_overflow(a, b, &result);
  if (op == "Sub") good = good && !__builtin_sub_overflow(a, b, &result);
  if (op == "Mul") good = good && !__builtin_mul_overflow(a, b, &result);
  if (op == "Div" || op == "Mod") {
    good = good && b != 0 && b != -1;
    if (good && op == "Div") result = a / b;
    if (good && op == "Div" && is_real) good = result * b == a;
    if (good && op == "Mod") result = ((a % b) + b) % b;
  }
  if (op == "Max") result = std::max(a, b);
  if (op == "Min") result = std::min(a, b);
  if (op == "Equal") result = a == b ? 1 : 0;
  if (op == "Less") result = a < b ? 1 : 0;
  if (op == "Greater") result = a > b ? 1 : 0;
  if (op == "LessOrEqual") result = a <= b ? 1 : 0;
  if (op == "GreaterOrEqual") result = a >= b ? 1 : 0;
  if (op == "And") result = a != 0 && b != 0 ? 1 : 0;
  if (op == "Or") result = a != 0 || b != 0 ? 1 : 0;
  return result;
}

/// Element of a broadcast operand: scalars and equal lengths are what shapes are made of.
std::int64_t element(const KnownIntegers& operand, std::size_t i) {
  return operand.values.size() == 1 ? operand.values[0] : operand.values[i];
}

std::optional<KnownIntegers> fold_binary(const ShapeCall& call) {
  const KnownIntegers& a = *call.known[0];
  const KnownIntegers& b = *call.known[1];
  const bool simple =
      a.values.size() == b.values.size() || a.values.size() == 1 || b.values.size() == 1;
  KnownIntegers result{.shape = broadcast(a.shape, b.shape)};
  const auto size = static_cast<std::size_t>(element_count(result.shape));
  if (!simple || size != std::max(a.values.size(), b.values.size())) return std::nullopt;
  if (call.attribute("fmod", 0) != 0) return std::nullopt;  // the remainder has another sign
  const DataType type = call.input(0).type;
  bool good = true;
  for (std::size_t i = 0; i < size && good; ++i) {
    result.values.push_back(
        apply(call.node.op_type, element(a, i), element(b, i), is_floating_point(type), good));
    good = good && fits(result.values.back(), type);
  }
  if (!good) return std::nullopt;
  return result;
}

std::optional<KnownIntegers> fold_where(const ShapeCall& call) {
  const KnownIntegers& condition = *call.known[0];
  const KnownIntegers& a = *call.known[1];
  const KnownIntegers& b = *call.known[2];
  KnownIntegers result{.shape = broadcast(condition.shape, broadcast(a.shape, b.shape))};
  const auto size = static_cast<std::size_t>(element_count(result.shape));
  for (const KnownIntegers* operand : {&condition, &a, &b}) {
    if (operand->values.size() != 1 && operand->values.size() != size) return std::nullopt;
  }
  for (std::size_t i = 0; i < size; ++i) {
    result.values.push_back(element(condition, i) != 0 ? element(a, i) : element(b, i));
  }
  return result;
}

/// Rows of a list at other positions.
std::optional<KnownIntegers> fold_gather(const ShapeCall& call) {
  const KnownIntegers& x = *call.known[0];
  const KnownIntegers& indices = *call.known[1];
  if (x.shape.size() != 1 || call.attribute("axis", 0) > 0) return std::nullopt;
  KnownIntegers result{.shape = indices.shape};
  for (std::int64_t index : indices.values) {
    if (index < 0) index += x.shape[0];
    if (index < 0 || index >= x.shape[0]) throw_contradiction("Gather reads outside its data");
    result.values.push_back(x.values[static_cast<std::size_t>(index)]);
  }
  return result;
}

std::optional<KnownIntegers> fold_concat(const ShapeCall& call) {
  KnownIntegers result{.shape = {0}};
  for (const KnownIntegers* part : call.known) {
    if (part == nullptr || part->shape.size() != 1) return std::nullopt;
    if (part->values.size() + result.values.size() > most_elements) return std::nullopt;
    result.values.insert(result.values.end(), part->values.begin(), part->values.end());
  }
  result.shape[0] = static_cast<std::int64_t>(result.values.size());
  return result;
}

std::optional<KnownIntegers> fold_slice(const ShapeCall& call) {
  const KnownIntegers& x = *call.known[0];
  const auto starts = call.list(1, "starts");
  const auto steps = call.list(4, "steps");
  if (x.shape.size() != 1 || !starts || starts->size() != 1) return std::nullopt;
  // The rule has found how many elements there are; the first one is all that is missing.
  const std::int64_t length = shape_rules().find("Slice")->second(call)[0].shape[0];
  const std::int64_t step = steps && !steps->empty() ? (*steps)[0] : 1;
  const std::int64_t extent = x.shape[0];
  const std::int64_t start = (*starts)[0] < 0 ? (*starts)[0] + extent : (*starts)[0];
  const std::int64_t first =
      std::clamp<std::int64_t>(start, 0, std::max<std::int64_t>(extent - 1, 0));
  KnownIntegers result{.shape = {length}};
  for (std::int64_t i = 0; i < length; ++i) {
    result.values.push_back(x.values[static_cast<std::size_t>(first + i * step)]);
  }
  return result;
}

/// Conversions of whole numbers that stay what they are.
std::optional<KnownIntegers> fold_cast(const ShapeCall& call) {
  const KnownIntegers& x = *call.known[0];
  const DataType type = shape_rules().find("Cast")->second(call)[0].type;
  KnownIntegers result{.shape = x.shape};
  for (const std::int64_t value : x.values) {
    if (type != DataType::boolean && !fits(value, type)) return std::nullopt;
    result.values.push_back(type == DataType::boolean ? (value != 0 ? 1 : 0) : value);
  }
  return result;
}

std::optional<KnownIntegers> fold_negation(const ShapeCall& call) {
  KnownIntegers result = *call.known[0];
  for (std::int64_t& value : result.values) {
    bool good = true;
    value = apply("Sub", 0, value, false, good);
    if (!good || !fits(value, call.input(0).type)) return std::nullopt;
  }
  return result;
}

std::optional<KnownIntegers> fold_not(const ShapeCall& call) {
  KnownIntegers result = *call.known[0];
  for (std::int64_t& value : result.values) value = value == 0 ? 1 : 0;
  return result;
}

/// Operators that change the shape and no whole number; the rule knows the new shape.
std::optional<KnownIntegers> fold_view(const ShapeCall& call) {
  KnownIntegers result = *call.known[0];
  result.shape = shape_rules().find(call.node.op_type)->second(call)[0].shape;
  return result;
}

/// A single number repeated: what exporters make shapes of equal extents from.
std::optional<KnownIntegers> fold_expand(const ShapeCall& call) {
  const KnownIntegers& x = *call.known[0];
  KnownIntegers result{.shape = broadcast(x.shape, call.integers(1))};
  const std::int64_t size = element_count(result.shape);
  if (x.values.size() != 1 || size > static_cast<std::int64_t>(most_elements)) return std::nullopt;
  result.values.assign(static_cast<std::size_t>(size), x.values[0]);
  return result;
}

std::optional<KnownIntegers> fold_reduction(const ShapeCall& call) {
  const KnownIntegers& x = *call.known[0];
  KnownIntegers result{.shape = shape_rules().find(call.node.op_type)->second(call)[0].shape};
  if (element_count(result.shape) != 1) return std::nullopt;
  const bool product = call.node.op_type == "ReduceProd";
  std::int64_t value = product ? 1 : 0;
  for (const std::int64_t v : x.values) {
    const bool overflow = product ? __builtin_mul_overflow(value, v, &value)
                                  : __builtin_add_overflow(value, v, &value);
    if (overflow || !fits(value, call.input(0).type)) return std::nullopt;
  }
  result.values = {value};
  return result;
}

std::optional<KnownIntegers> fold_generator(const ShapeCall& call) {
  const std::string& op = call.node.op_type;
  KnownIntegers result{.shape = shape_rules().find(op)->second(call)[0].shape};
  const std::int64_t size = element_count(result.shape);
  if (size > static_cast<std::int64_t>(most_elements)) return std::nullopt;
  if (op == "Range") {
    bool good = true;
    for (std::int64_t i = 0; i < size && good; ++i) {
      const std::int64_t step = apply("Mul", i, call.integers(2)[0], false, good);
      result.values.push_back(apply("Add", call.integers(0)[0], step, false, good));
      good = good && fits(result.values.back(), call.input(0).type);
    }
    if (!good) return std::nullopt;
    return result;
  }
  // ConstantOfShape
  const auto fill = known_integers(call.node.attribute("value", Tensor(DataType::float32, {1})));
  if (!fill || fill->values.size() != 1) return std::nullopt;
  result.values.assign(static_cast<std::size_t>(size), fill->values[0]);
  return result;
}

std::optional<KnownIntegers> fold_constant(const ShapeCall& call) {
  const Node& node = call.node;
  if (node.find_attribute("value") != nullptr) {
    return known_integers(node.attribute("value", Tensor()));
  }
  if (node.find_attribute("value_int") != nullptr) {
    return KnownIntegers{{}, {call.attribute("value_int", 0)}};
  }
  const auto list = node.attribute("value_ints", Integers{});
  if (node.find_attribute("value_ints") == nullptr || list.size() > most_elements)
    return std::nullopt;
  return KnownIntegers{{static_cast<std::int64_t>(list.size())}, list};
}

/// Shape and Size need the shape of their input alone.
std::optional<KnownIntegers> fold_shape(const ShapeCall& call) {
  if (!call.has(0)) return std::nullopt;
  const Shape& shape = call.inputs[0]->shape;
  if (call.node.op_type == "Size") return KnownIntegers{{}, {element_count(shape)}};
  const auto size = static_cast<std::int64_t>(shape.size());
  const auto position = [&](std::int64_t axis) {
    return std::clamp<std::int64_t>(axis < 0 ? axis + size : axis, 0, size);
  };
  const std::int64_t start = position(call.attribute("start", 0));
  const std::int64_t end = std::max(start, position(call.attribute("end", size)));
  return KnownIntegers{{end - start}, Integers(shape.begin() + start, shape.begin() + end)};
}

using Fold = std::optional<KnownIntegers> (*)(const ShapeCall&);

const std::map<std::string, Fold, std::less<>>& folds_of_known_inputs() {
  static const std::map<std::string, Fold, std::less<>> folds{
      {"Add", fold_binary},           {"Sub", fold_binary},
      {"Mul", fold_binary},           {"Div", fold_binary},
      {"Mod", fold_binary},           {"Max", fold_binary},
      {"Min", fold_binary},           {"Equal", fold_binary},
      {"Less", fold_binary},          {"Greater", fold_binary},
      {"LessOrEqual", fold_binary},   {"GreaterOrEqual", fold_binary},
      {"And", fold_binary},           {"Or", fold_binary},
      {"Neg", fold_negation},         {"Not", fold_not},
      {"Floor", fold_view},           {"Ceil", fold_view},
      {"Round", fold_view},           {"Expand", fold_expand},
      {"Where", fold_where},          {"Gather", fold_gather},
      {"Concat", fold_concat},        {"Slice", fold_slice},
      {"Identity", fold_view},        {"Reshape", fold_view},
      {"Squeeze", fold_view},         {"Unsqueeze", fold_view},
      {"Flatten", fold_view},         {"Cast", fold_cast},
      {"ReduceProd", fold_reduction}, {"ReduceSum", fold_reduction},
      {"Range", fold_generator},      {"ConstantOfShape", fold_generator}};
  return folds;
}

}  // namespace

std::optional<KnownIntegers> known_integers(const Tensor& tensor) {
  if (tensor.size() > static_cast<std::int64_t>(most_elements)) return std::nullopt;
  KnownIntegers result{.shape = tensor.shape()};
  const bool whole = visit_type(tensor.type(), [&]<class T>() {
    for (const T value : tensor.data<T>()) {
      if constexpr (std::is_integral_v<T>) {
        // Only uint64 holds numbers that are out of range.
        result.values.push_back(static_cast<std::int64_t>(value));
        if (std::is_unsigned_v<T> && result.values.back() < 0) return false;
      } else {
        const auto number = static_cast<double>(value);
        // NaN compares false.
        const bool small = std::abs(number) <= static_cast<double>(largest_exact(tensor.type()));
        if (!small || std::trunc(number) != number) return false;
        result.values.push_back(static_cast<std::int64_t>(number));
      }
    }
    return true;
  });
  if (!whole) return std::nullopt;
  return result;
}

std::optional<KnownIntegers> fold_integers(const ShapeCall& call) {
  const std::string& op = call.node.op_type;
  if (op == "Constant") return fold_constant(call);
  if (op == "Shape" || op == "Size") return fold_shape(call);
  const auto fold = folds_of_known_inputs().find(op);
  if (fold == folds_of_known_inputs().end() || call.known.empty()) return std::nullopt;
  // A binary operator takes two; more are for Concat alone.
  if (fold->second == fold_binary && call.known.size() != 2) return std::nullopt;
  if (fold->second == fold_where && call.known.size() != 3) return std::nullopt;
  for (std::size_t i = 0; i < call.known.size(); ++i) {
    if (call.known[i] == nullptr && !call.node.inputs[i].empty()) return std::nullopt;
  }
  if (call.known[0] == nullptr) return std::nullopt;
  auto result = fold->second(call);
  if (result && result->values.size() > most_elements) return std::nullopt;
  return result;
}

}  // namespace moliere::onnx
