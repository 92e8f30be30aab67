// SPDX-License-Identifier: Apache-2.0
#include "adapter.hpp"

#include "moliere/core/version.hpp"
#include "moliere/onnx/model_file.hpp"
#include "moliere/reference/evaluate.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::engines::reference {
namespace {

namespace ref = moliere::reference;

std::vector<engine::OptionSpec> option_specs() {
  return {
      {"precision", "float64", "arithmetic of the evaluation", {"float64", "float32"}},
      {"path",
       "blocked",
       "big products by blocks, or by the loops of the equations",
       {"blocked", "readable"}},
  };
}

/// The tensor's values rounded to another type.
Tensor converted(const Tensor& tensor, DataType type) {
  if (tensor.type() == type) return tensor;
  const std::vector<double> values = tensor.to_doubles();
  Tensor result(type, tensor.shape());
  visit_type(type, [&]<class T>() {
    std::ranges::transform(values, result.data<T>().begin(), [](double x) { return T(x); });
  });
  return result;
}

class ReferenceSession final : public engine::Session {
 public:
  ReferenceSession(std::shared_ptr<const onnx::Model> model, const engine::LoadRequest& request)
      : model_(std::move(model)),
        double_precision_(request.configuration.options.at("precision") == "float64"),
        path_(request.configuration.options.at("path") == "readable" ? ref::Path::readable
                                                                     : ref::Path::blocked),
        input_order_(order_of_inputs(request)),
        output_names_(request.outputs) {}

  void bind(std::size_t slot, std::span<const engine::ConstTensorView> inputs) override {
    if (slot >= slots_.size()) slots_.resize(slot + 1);
    slots_[slot].clear();
    for (const std::size_t index : input_order_) {
      const engine::ConstTensorView& input = inputs[index];
      Tensor& tensor = slots_[slot].emplace_back(input.spec.type, input.spec.shape);
      std::copy_n(input.data, input.spec.byte_size(), tensor.bytes().begin());
    }
  }

  void run(std::size_t slot) override {
    const std::vector<Tensor>& inputs = slots_[slot];
    outputs_ = double_precision_ ? ref::evaluate<double>(*model_, inputs, path_)
                                 : ref::evaluate<float>(*model_, inputs, path_);
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      outputs_[i] = converted(outputs_[i], model_->graph.outputs[i].type);
    }
  }

  std::vector<engine::ConstTensorView> outputs() override {
    std::vector<engine::ConstTensorView> views;
    for (const std::string& name : output_names_) {
      const auto& declared = model_->graph.outputs;
      const auto found = std::ranges::find(declared, name, &onnx::ValueInfo::name);
      if (found == declared.end()) {
        throw std::runtime_error(fmt::format("the model has no output '{}'", name));
      }
      const Tensor& tensor = outputs_[static_cast<std::size_t>(found - declared.begin())];
      views.push_back({{name, tensor.type(), tensor.shape()}, tensor.bytes().data()});
    }
    return views;
  }

 private:
  /// For each input of the graph its place in the request.
  std::vector<std::size_t> order_of_inputs(const engine::LoadRequest& request) const {
    std::vector<std::size_t> order;
    for (const onnx::ValueInfo& input : model_->graph.inputs) {
      const auto found = std::ranges::find(request.inputs, input.name, &TensorSpec::name);
      if (found == request.inputs.end()) {
        throw std::runtime_error(fmt::format("input '{}' of the model is not given", input.name));
      }
      order.push_back(static_cast<std::size_t>(found - request.inputs.begin()));
    }
    return order;
  }

  std::shared_ptr<const onnx::Model> model_;
  bool double_precision_;
  ref::Path path_;
  std::vector<std::size_t> input_order_;
  std::vector<std::string> output_names_;
  /// [slot][graph input].
  std::vector<std::vector<Tensor>> slots_;
  std::vector<Tensor> outputs_;
};

class ReferenceModel final : public engine::LoadedModel {
 public:
  explicit ReferenceModel(engine::LoadRequest request)
      : request_(std::move(request)),
        model_(std::make_shared<onnx::Model>(onnx::load_model(request_.artifact.path))) {
    const std::vector<std::string> missing = ref::missing_operators(*model_);
    if (!missing.empty()) {
      throw engine::NotSupported(fmt::format("the reference lacks {}", fmt::join(missing, ", ")));
    }
  }

  std::unique_ptr<engine::Session> make_session() override {
    return std::make_unique<ReferenceSession>(model_, request_);
  }

 private:
  engine::LoadRequest request_;
  std::shared_ptr<const onnx::Model> model_;
};

class ReferenceEngine final : public engine::Engine {
 public:
  engine::Description describe() override {
    return {.name = "reference",
            .version = std::string(version()),
            .devices = {"cpu"},
            .options = option_specs()};
  }

  std::unique_ptr<engine::LoadedModel> load(const engine::LoadRequest& request) override {
    if (request.configuration.device != "cpu") {
      throw engine::NotSupported(
          fmt::format("device {} (the reference runs on the CPU)", request.configuration.device));
    }
    return std::make_unique<ReferenceModel>(request);
  }
};

}  // namespace

std::unique_ptr<engine::Engine> make_engine() { return std::make_unique<ReferenceEngine>(); }

}  // namespace moliere::engines::reference
