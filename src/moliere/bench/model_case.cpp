// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/model_case.hpp"

#include "moliere/bench/inputs.hpp"
#include "moliere/bench/tensor_files.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/hash.hpp"
#include "moliere/onnx/model_file.hpp"
#include "moliere/zoo/zoo.hpp"

#include <algorithm>

namespace moliere::bench {
namespace fs = std::filesystem;
namespace {

bool is_fixed(const onnx::Dimension& dimension) { return dimension.value.has_value(); }

bool is_concrete(const onnx::Model& model) {
  return std::ranges::all_of(model.graph.inputs, [](const onnx::ValueInfo& input) {
    return input.shape && std::ranges::all_of(*input.shape, is_fixed);
  });
}

/// An input's first dimension is the batch where the file leaves it open.
bool has_open_leading_dimension(const onnx::Model& model) {
  return std::ranges::any_of(model.graph.inputs, [](const onnx::ValueInfo& input) {
    return input.shape && !input.shape->empty() && !is_fixed(input.shape->front());
  });
}

bool names_a_file(const std::string& selector) {
  return selector.find('/') != std::string::npos || selector.ends_with(".onnx") ||
         fs::exists(selector);
}

/// The leading extent that all inputs and outputs share, else 1.
std::int64_t shared_leading_extent(const std::vector<TensorSpec>& inputs,
                                   const std::vector<TensorSpec>& outputs) {
  std::optional<std::int64_t> extent;
  for (const std::vector<TensorSpec>* specs : {&inputs, &outputs}) {
    for (const TensorSpec& spec : *specs) {
      if (spec.shape.empty() || (extent && *extent != spec.shape[0])) return 1;
      extent = spec.shape[0];
    }
  }
  return std::max<std::int64_t>(extent.value_or(1), 1);
}

/// A built-in model, made for the batch that was asked for.
onnx::Model make_builtin(const ModelRequest& request) {
  const zoo::Entry* entry = zoo::find(request.selector);
  if (entry == nullptr) {
    zoo::expand(request.selector);  // throws, with the names that are near
    throw Error(fmt::format("'{}' is several models", request.selector), "one is wanted here",
                "name one of them");
  }
  onnx::Model model = zoo::make(*entry, request.batch ? *request.batch : entry->default_batch);
  if (!request.dimensions.empty()) {
    model = onnx::bind_dimensions(std::move(model), request.dimensions, std::nullopt);
  }
  return model;
}

onnx::Model read_file(const ModelRequest& request) {
  onnx::Model model = onnx::load_model(request.selector);
  if (!is_concrete(model) || !request.dimensions.empty()) {
    return onnx::bind_dimensions(std::move(model), request.dimensions, request.batch.value_or(1));
  }
  return model;
}

}  // namespace

std::vector<std::string> expand_models(const std::vector<std::string>& selectors) {
  std::vector<std::string> models;
  for (const std::string& selector : selectors) {
    std::vector<std::string> expanded{selector};
    if (selector.starts_with("@") || !names_a_file(selector)) expanded = zoo::expand(selector);
    for (std::string& name : expanded) {
      if (std::ranges::find(models, name) == models.end()) models.push_back(std::move(name));
    }
  }
  return models;
}

bool has_free_batch(const std::string& selector) {
  if (names_a_file(selector)) return has_open_leading_dimension(onnx::load_model(selector));
  const zoo::Entry* entry = zoo::find(selector);
  return entry != nullptr && entry->dynamic_batch;
}

ModelCase make_case(const ModelRequest& request, const fs::path& folder) {
  const bool from_file = names_a_file(request.selector);
  ModelCase result;
  result.model = from_file ? read_file(request) : make_builtin(request);
  result.name = from_file ? fs::path(request.selector).stem().string() : request.selector;
  const onnx::ShapeTable shapes = onnx::infer_shapes(result.model);
  result.inputs = onnx::input_specs(result.model);
  for (const onnx::ValueInfo& output : result.model.graph.outputs) {
    result.outputs.push_back(output.name);
  }
  result.cost = onnx::graph_cost(result.model, shapes);
  result.batch = shared_leading_extent(result.inputs, onnx::output_specs(result.model, shapes));
  if (from_file && request.batch && *request.batch != result.batch) {
    throw Error(fmt::format("{} cannot run at batch {}", result.name, *request.batch),
                fmt::format("its batch is fixed to {} in the file", result.batch),
                "export the model with a dynamic batch, or leave --batch out");
  }
  if (from_file && request.dimensions.empty() && is_concrete(onnx::load_model(request.selector))) {
    result.file = fs::absolute(request.selector);
    result.hash = ContentHash().add(read_bytes(result.file)).hex();
  } else {
    // Named by content: two files of one name, or one at two lengths, lie side by side.
    const std::vector<std::byte> bytes = onnx::serialize_model(result.model);
    result.hash = ContentHash().add(bytes).hex();
    result.file = folder / fmt::format("{}_{}.onnx", result.name, result.hash.substr(0, 8));
    write_atomically(result.file, bytes);
  }
  return result;
}

CaseInputs make_inputs(const ModelCase& model, const InputSource& source,
                       const VerificationLimits& limits, const fs::path& cache,
                       Progress& progress) {
  CaseInputs result;
  if (source.files.empty()) {
    InputOptions options{.seed = source.seed};
    options.ranges = source.ranges;
    result.sets = generate_inputs(model.model, source.sets, options);
  } else {
    for (const fs::path& file : source.files) {
      result.sets.push_back(read_tensors(file, model.inputs, "input"));
    }
  }
  if (!source.expected.empty()) {
    if (source.expected.size() != source.files.size()) {
      throw Error(fmt::format("{} --expected files for {} --input files", source.expected.size(),
                              source.files.size()),
                  "each set of expected outputs belongs to one set of inputs",
                  "give as many of the one as of the other, in the same order");
    }
    const onnx::ShapeTable shapes = onnx::infer_shapes(model.model);
    const std::vector<TensorSpec> outputs = onnx::output_specs(model.model, shapes);
    std::vector<std::vector<Tensor>> values;
    for (const fs::path& file : source.expected)
      values.push_back(read_tensors(file, outputs, "output"));
    result.expectation = expect_given(model.model, std::move(values));
  } else {
    const auto flops = static_cast<double>(model.cost.total.flops);
    result.expectation = expect(model.model, result.sets, flops, limits, cache, progress);
  }
  return result;
}

}  // namespace moliere::bench
