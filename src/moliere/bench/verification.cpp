// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/verification.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/hash.hpp"
#include "moliere/core/json.hpp"
#include "moliere/onnx/model_file.hpp"
#include "moliere/reference/evaluate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/ranges.h>

namespace moliere::bench {
namespace fs = std::filesystem;
using moliere::to_string;  // of shapes and types, beside the one of Check
namespace {

/// Half a unit in the last place of a float32 in [1, 2).
constexpr double float32_rounding = 0x1p-24;
/// design: below this many roundings of the largest value an output does not depend on its input.
constexpr double constant_roundings = 100;
/// design: no engine is called wrong for an error below this share of the spread.
constexpr double smallest_threshold = 1e-4;
/// design: engines may err ten times as much as the reference in float32.
constexpr double float32_allowance = 10;
/// Fewer inputs than this say nothing about the spread over inputs.
constexpr std::size_t enough_for_spread = 4;
/// A discontinuous output may differ in this share of its elements (rounding before a jump).
constexpr double allowed_flips = 1e-3;
/// Change when the reference or the layout of cached files changes.
constexpr std::string_view cache_version = "expected outputs 2";

const std::set<std::string, std::less<>>& discontinuous_operators() {
  static const std::set<std::string, std::less<>> names{"ArgMax",
                                                        "ArgMin",
                                                        "TopK",
                                                        "NonZero",
                                                        "Floor",
                                                        "Ceil",
                                                        "Round",
                                                        "Sign",
                                                        "Equal",
                                                        "Less",
                                                        "LessOrEqual",
                                                        "Greater",
                                                        "OneHot",
                                                        "Unique",
                                                        "Mod",
                                                        "IsNaN",
                                                        "IsInf",
                                                        "GreaterOrEqual",
                                                        "NonMaxSuppression",
                                                        "Hardmax",
                                                        "Compress"};
  return names;
}

/// Names of the values that a jump can reach: outputs of discontinuous operators whose inputs
/// depend on the caller's, and all that is computed from these.
std::set<std::string, std::less<>> values_after_a_jump(const onnx::Graph& graph) {
  std::set<std::string, std::less<>> depends_on_input;
  for (const onnx::ValueInfo& input : graph.inputs) depends_on_input.insert(input.name);
  std::set<std::string, std::less<>> reached;
  for (const onnx::Node& node : graph.nodes) {
    // The shape of a tensor is fixed when the benchmark runs.
    if (node.op_type == "Shape" || node.op_type == "Size") continue;
    const auto any_of = [&](const auto& names) {
      return std::ranges::any_of(node.inputs,
                                 [&](const auto& name) { return names.contains(name); });
    };
    const bool dependent = any_of(depends_on_input);
    const bool jumps =
        any_of(reached) || (dependent && discontinuous_operators().contains(node.op_type));
    for (const std::string& output : node.outputs) {
      if (dependent) depends_on_input.insert(output);
      if (jumps) reached.insert(output);
    }
  }
  return reached;
}

/// Share of elements in which the two differ, and their largest difference.
struct Difference {
  double largest = 0;
  double share_above = 0;
};

Difference difference(const std::vector<double>& actual, const std::vector<double>& expected,
                      double tolerance) {
  Difference result;
  std::size_t above = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (actual[i] == expected[i]) continue;  // equal infinities too
    if (std::isnan(actual[i]) && std::isnan(expected[i])) continue;
    const double distance = std::fabs(actual[i] - expected[i]);
    result.largest = std::max(result.largest, distance);
    if (!(distance <= tolerance)) ++above;
  }
  if (!actual.empty())
    result.share_above = static_cast<double>(above) / static_cast<double>(actual.size());
  return result;
}

/// Where one has a number and the other NaN or an infinity; "" when nowhere.
std::string non_finite_mismatch(const std::vector<double>& actual,
                                const std::vector<double>& expected) {
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const bool both_nan = std::isnan(actual[i]) && std::isnan(expected[i]);
    if (both_nan || actual[i] == expected[i]) continue;
    if (!std::isfinite(actual[i]) || !std::isfinite(expected[i])) {
      return fmt::format("{} instead of {} at element {}", actual[i], expected[i], i);
    }
  }
  return "";
}

std::string cache_key(const onnx::Model& model, std::span<const std::vector<Tensor>> inputs,
                      std::size_t count, bool all_float32) {
  ContentHash hash;
  hash.add(cache_version).add(onnx::serialize_model(model));
  hash.add(all_float32 ? "float32 on all inputs" : "float32 on one input");
  for (const std::vector<Tensor>& set : inputs.first(count)) {
    for (const Tensor& tensor : set) hash.add(to_string(tensor.shape())).add(tensor.bytes());
  }
  return hash.hex();
}

/// The hash of what follows, one line of JSON (names, types, shapes), then the elements one after
/// the other.
std::string encode(const Expectation& expectation) {
  Json header = {{"inputs", expectation.inputs}, {"outputs", Json::array()}};
  std::string body;
  for (const ExpectedOutput& output : expectation.outputs) {
    Json tensors = Json::array();
    for (const Tensor& tensor : output.values) {
      tensors.push_back({{"type", to_string(tensor.type())}, {"shape", tensor.shape()}});
      body.append(reinterpret_cast<const char*>(tensor.bytes().data()), tensor.bytes().size());
    }
    header["outputs"].push_back({{"name", output.name},
                                 {"discontinuous", output.discontinuous},
                                 {"float32_error", output.float32_error},
                                 {"tensors", tensors}});
  }
  const std::string content = header.dump() + "\n" + body;
  return ContentHash().add(content).hex() + "\n" + content;
}

Expectation decode(std::string_view file) {
  const std::string_view text = file.substr(std::min(file.find('\n'), file.size() - 1) + 1);
  if (!file.starts_with(ContentHash().add(text).hex())) throw std::out_of_range("damaged");
  const std::size_t newline = text.find('\n');
  const Json header = Json::parse(text.substr(0, newline));
  std::size_t position = newline + 1;
  Expectation expectation;
  header.at("inputs").get_to(expectation.inputs);
  for (const Json& described : header.at("outputs")) {
    ExpectedOutput output;
    described.at("name").get_to(output.name);
    described.at("discontinuous").get_to(output.discontinuous);
    described.at("float32_error").get_to(output.float32_error);
    for (const Json& shape_and_type : described.at("tensors")) {
      Tensor tensor(data_type_from_string(shape_and_type.at("type").get<std::string>()).value(),
                    shape_and_type.at("shape").get<Shape>());
      if (position + tensor.bytes().size() > text.size()) throw std::out_of_range("truncated");
      std::copy_n(reinterpret_cast<const std::byte*>(text.data()) + position, tensor.bytes().size(),
                  tensor.bytes().begin());
      position += tensor.bytes().size();
      output.values.push_back(std::move(tensor));
    }
    set_thresholds(output);
    expectation.outputs.push_back(std::move(output));
  }
  expectation.from_cache = true;
  return expectation;
}

/// A damaged or foreign file in the cache is as good as none.
std::optional<Expectation> read_cached(const fs::path& file) {
  if (!fs::exists(file)) return std::nullopt;
  try {
    return decode(read_text(file));
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/// Error of the float32 evaluation on input `set`, kept per output.
void add_float32_error(Expectation& expectation, const onnx::Model& model,
                       const std::vector<Tensor>& inputs, std::size_t set) {
  const std::vector<Tensor> single = reference::evaluate<float>(model, inputs);
  for (std::size_t i = 0; i < single.size(); ++i) {
    ExpectedOutput& output = expectation.outputs[i];
    const Comparison comparison = compare_output(output, set, single[i]);
    if (comparison.mismatch.empty()) {
      output.float32_error = std::max(output.float32_error, comparison.error);
    }
  }
}

}  // namespace

void set_thresholds(ExpectedOutput& output) {
  const std::size_t inputs = output.values.size();
  const std::size_t elements = inputs == 0 ? 0 : static_cast<std::size_t>(output.values[0].size());
  const bool same_shape = std::ranges::all_of(output.values, [&](const Tensor& value) {
    return value.shape() == output.values[0].shape();
  });
  output.spread = 0;
  output.magnitude = 0;
  // Welford over the inputs, element by element, over those that are finite.
  std::vector<double> mean(elements), sum_of_squares(elements), count(elements);
  for (const Tensor& value : output.values) {
    const std::vector<double> values = value.to_doubles();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) continue;
      output.magnitude = std::max(output.magnitude, std::fabs(values[i]));
      if (!same_shape) continue;
      const double delta = values[i] - mean[i];
      mean[i] += delta / ++count[i];
      sum_of_squares[i] += delta * (values[i] - mean[i]);
    }
  }
  for (std::size_t i = 0; i < elements; ++i) {
    if (count[i] == 0) continue;
    output.spread = std::max(output.spread, std::sqrt(sum_of_squares[i] / count[i]));
  }
  // A shape that changes with the input depends on it; a few inputs (the user's own events) say
  // little: the magnitude stands for the spread then.
  const bool spread_is_known = same_shape && inputs >= enough_for_spread;
  output.constant =
      spread_is_known && output.spread <= constant_roundings * float32_rounding * output.magnitude;
  if (!spread_is_known) output.spread = output.magnitude;
  const double smallest = output.discontinuous ? allowed_flips : smallest_threshold;
  output.threshold = std::max(smallest, float32_allowance * output.float32_error);
}

Comparison compare_output(const ExpectedOutput& expected, std::size_t input, const Tensor& actual) {
  const Tensor& truth = expected.values.at(input);
  if (actual.shape() != truth.shape()) {
    return {.mismatch = fmt::format("shape {} instead of {}", to_string(actual.shape()),
                                    to_string(truth.shape()))};
  }
  if (is_floating_point(actual.type()) != is_floating_point(truth.type())) {
    return {.mismatch = fmt::format("{} values instead of {}", to_string(actual.type()),
                                    to_string(truth.type()))};
  }
  const std::vector<double> values = actual.to_doubles();
  const std::vector<double> truths = truth.to_doubles();
  if (!expected.discontinuous) {
    if (std::string mismatch = non_finite_mismatch(values, truths); !mismatch.empty()) {
      return {.mismatch = std::move(mismatch)};
    }
  }
  // An element of a discontinuous output has flipped when it is off by more than rounding, which
  // whole numbers know nothing of.
  const bool rounds = expected.discontinuous && is_floating_point(truth.type());
  const double tolerance = rounds ? smallest_threshold * expected.spread : 0;
  const Difference found = difference(values, truths, tolerance);
  if (expected.discontinuous) return {.error = found.share_above};
  return {.error = expected.spread > 0 ? found.largest / expected.spread : found.largest};
}

Expectation expect(const onnx::Model& model, std::span<const std::vector<Tensor>> inputs,
                   double flops, const VerificationLimits& limits, const fs::path& cache,
                   Progress& progress) {
  Expectation expectation;
  if (const auto missing = reference::missing_operators(model); !missing.empty()) {
    expectation.unverifiable = fmt::format("the reference lacks {}", fmt::join(missing, ", "));
    return expectation;
  }
  const std::size_t count =
      flops <= limits.flops_for_all ? inputs.size() : std::min(limits.few_inputs, inputs.size());
  const bool all_float32 = flops <= limits.flops_for_float32;
  const fs::path file = cache / "expected" / cache_key(model, inputs, count, all_float32);
  if (auto cached = read_cached(file)) return *std::move(cached);

  const auto after_jump = values_after_a_jump(model.graph);
  for (const onnx::ValueInfo& output : model.graph.outputs) {
    expectation.outputs.push_back(
        {.name = output.name,
         .discontinuous = !is_floating_point(output.type) || after_jump.contains(output.name)});
  }
  expectation.inputs = count;
  const std::size_t single = all_float32 ? count : 1;
  const double work = static_cast<double>(count + single);
  try {
    for (std::size_t set = 0; set < count; ++set) {
      progress.update(static_cast<double>(set), work, "reference in float64");
      std::vector<Tensor> values = reference::evaluate<double>(model, inputs[set]);
      for (std::size_t i = 0; i < values.size(); ++i) {
        expectation.outputs[i].values.push_back(std::move(values[i]));
      }
    }
    for (ExpectedOutput& output : expectation.outputs) set_thresholds(output);
    for (std::size_t set = 0; set < single; ++set) {
      progress.update(static_cast<double>(count + set), work, "reference in float32");
      add_float32_error(expectation, model, inputs[set], set);
    }
    for (ExpectedOutput& output : expectation.outputs) set_thresholds(output);
  } catch (const Error& error) {
    return {.unverifiable = fmt::format("the reference fails: {}", error.what())};
  }
  try {
    write_atomically(file, encode(expectation));
  } catch (const Error&) {
    // A cache that cannot be written costs time at the next run, nothing else.
  }
  return expectation;
}

Expectation expect_given(const onnx::Model& model, std::vector<std::vector<Tensor>> values) {
  const auto after_jump = values_after_a_jump(model.graph);
  Expectation expectation;
  expectation.inputs = values.size();
  for (std::size_t i = 0; i < model.graph.outputs.size(); ++i) {
    const onnx::ValueInfo& declared = model.graph.outputs[i];
    ExpectedOutput output{
        .name = declared.name,
        .discontinuous = !is_floating_point(declared.type) || after_jump.contains(declared.name)};
    for (std::vector<Tensor>& set : values) {
      if (set.size() != model.graph.outputs.size()) {
        throw Error(fmt::format("the expected outputs hold {} tensors", set.size()),
                    fmt::format("the model has {} outputs", model.graph.outputs.size()),
                    "give one array for each output, in the model's order or by name");
      }
      output.values.push_back(std::move(set[i]));
    }
    set_thresholds(output);
    expectation.outputs.push_back(std::move(output));
  }
  return expectation;
}

std::string_view to_string(Check check) {
  constexpr std::array<std::string_view, 4> names{"verified", "wrong", "does_not_depend_on_input",
                                                  "unverified"};
  return names[static_cast<std::size_t>(check)];
}

std::optional<Check> check_from_string(std::string_view name) {
  for (const Check check :
       {Check::verified, Check::wrong, Check::does_not_depend_on_input, Check::unverified}) {
    if (to_string(check) == name) return check;
  }
  return std::nullopt;
}

void Verifier::add(std::size_t input, std::span<const Tensor> outputs, bool later) {
  if (input >= expectation_->inputs) return;
  seen_ = std::max(seen_, input + 1);
  for (std::size_t i = 0; i < expectation_->outputs.size(); ++i) {
    const ExpectedOutput& expected = expectation_->outputs[i];
    const Comparison comparison = compare_output(expected, input, outputs[i]);
    const bool wrong = !comparison.mismatch.empty() ||
                       (!expected.constant && !(comparison.error <= expected.threshold));
    const bool worse = expected.constant ? false
                                         : comparison.error / expected.threshold >
                                               found_.error / std::max(found_.threshold, 1e-300);
    if (found_.worst_output.empty() || worse || (wrong && !wrong_)) {
      found_.error = comparison.error;
      found_.threshold = expected.threshold;
      found_.worst_output = expected.name;
    }
    if (wrong && !wrong_) {
      wrong_ = true;
      found_.reason =
          comparison.mismatch.empty()
              ? fmt::format("error {:.2g} above {:.2g}", comparison.error, expected.threshold)
              : comparison.mismatch;
      found_.reason += fmt::format(" in output {} of input {}", expected.name, input);
      if (later) found_.reason += ", only in a later call";
    }
  }
}

Verification Verifier::result() const {
  Verification result = found_;
  result.inputs = seen_;
  const auto& outputs = expectation_->outputs;
  if (outputs.empty() || seen_ == 0) {
    result.check = Check::unverified;
    result.reason = outputs.empty() ? expectation_->unverifiable : "no output was seen";
  } else if (wrong_) {
    result.check = Check::wrong;
  } else if (std::ranges::all_of(outputs, &ExpectedOutput::constant)) {
    result.check = Check::does_not_depend_on_input;
    result.reason = "the model's output does not depend on its input";
  } else {
    result.check = Check::verified;
  }
  return result;
}

}  // namespace moliere::bench
