// SPDX-License-Identifier: Apache-2.0
#include "adapter.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <new>
#include <string_view>
#include <utility>

#include "library.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <onnxruntime_cxx_api.h>
#include <onnxruntime_session_options_config_keys.h>

namespace moliere::engines::onnxruntime {
namespace {

using engine::Configuration;
using engine::Options;

constexpr std::array<std::pair<DataType, ONNXTensorElementDataType>, 13> element_types{{
    {DataType::float32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},
    {DataType::float64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
    {DataType::float16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
    {DataType::bfloat16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16},
    {DataType::int64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
    {DataType::int32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
    {DataType::int16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},
    {DataType::int8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    {DataType::uint64, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64},
    {DataType::uint32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32},
    {DataType::uint16, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16},
    {DataType::uint8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
    {DataType::boolean, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},
}};

ONNXTensorElementDataType to_ort(DataType type) {
  return std::ranges::find(element_types, type, [](const auto& pair) { return pair.first; })
      ->second;
}

DataType from_ort(ONNXTensorElementDataType type) {
  const auto found =
      std::ranges::find(element_types, type, [](const auto& pair) { return pair.second; });
  if (found == element_types.end()) {
    throw engine::NotSupported(
        fmt::format("an output has ONNX's element type {}", static_cast<int>(type)));
  }
  return found->first;
}

/// Runs `work`; what ONNX Runtime says is lacking becomes NotSupported, what it could not allocate
/// bad_alloc, and all else stays what it is.
template <class Work>
decltype(auto) translate_errors(Work&& work) {
  try {
    return work();
  } catch (const Ort::Exception& error) {
    const std::string_view reason = error.what();
    const auto says = [&](std::string_view words) {
      return reason.find(words) != std::string_view::npos;
    };
    if (says("Failed to allocate memory") || says("bad_alloc")) throw std::bad_alloc();
    const OrtErrorCode code = error.GetOrtErrorCode();
    // An unknown operator makes the graph "invalid"; a file newer than the library just "fails".
    if (code == ORT_NOT_IMPLEMENTED || code == ORT_INVALID_GRAPH ||
        says("Unsupported model IR version")) {
      throw engine::NotSupported(error.what());
    }
    throw;
  }
}

std::vector<engine::OptionSpec> option_specs() {
  const std::vector<std::string> on_off{"on", "off"};
  return {
      {"optimization", "all", "graph optimisations", {"all", "extended", "basic", "disabled"}},
      {"execution_mode",
       "sequential",
       "whether independent nodes run at the same time",
       {"sequential", "parallel"}},
      {"inter_op_threads", "1", "threads for independent nodes with execution_mode=parallel", {}},
      {"arena", "on", "keep freed memory in an arena", on_off},
      {"memory_pattern", "on", "plan activations as one block (static shapes only)", on_off},
      {"spinning", "off",
       "threads of a pool wait in a loop: faster with threads > 1, and disturbs whatever else runs",
       on_off},
      {"denormals_as_zero", "off", "flush denormal numbers to zero", on_off},
      {"sessions",
       "per_stream",
       "each stream an Ort::Session of its own, or all streams call one",
       {"per_stream", "shared"}},
  };
}

bool is_on(const Options& options, std::string_view key) {
  return options.find(key)->second == "on";
}

int positive_integer(const Options& options, std::string_view key) {
  const std::string& text = options.find(key)->second;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1) {
    throw engine::NotSupported(fmt::format("option {}={} (it takes a number above 0)", key, text));
  }
  return value;
}

GraphOptimizationLevel optimization_level(std::string_view name) {
  if (name == "disabled") return ORT_DISABLE_ALL;
  if (name == "basic") return ORT_ENABLE_BASIC;
  if (name == "extended") return ORT_ENABLE_EXTENDED;
  return ORT_ENABLE_ALL;
}

Ort::SessionOptions session_options(const Configuration& configuration) {
  const Options options = engine::resolve_options(option_specs(), configuration.options);
  Ort::SessionOptions result;
  result.SetGraphOptimizationLevel(optimization_level(options.at("optimization")));
  // With one thread the calling thread does the work and no pool is made.
  result.SetIntraOpNumThreads(configuration.threads);
  result.SetInterOpNumThreads(positive_integer(options, "inter_op_threads"));
  result.SetExecutionMode(options.at("execution_mode") == "parallel" ? ORT_PARALLEL
                                                                     : ORT_SEQUENTIAL);
  is_on(options, "arena") ? result.EnableCpuMemArena() : result.DisableCpuMemArena();
  is_on(options, "memory_pattern") ? result.EnableMemPattern() : result.DisableMemPattern();
  const char* const spinning = is_on(options, "spinning") ? "1" : "0";
  result.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, spinning);
  result.AddConfigEntry(kOrtSessionOptionsConfigAllowInterOpSpinning, spinning);
  result.AddConfigEntry(kOrtSessionOptionsConfigSetDenormalAsZero,
                        is_on(options, "denormals_as_zero") ? "1" : "0");
  return result;
}

/// One stream: inputs of every slot as Ort::Values over the caller's memory, and one set of
/// outputs. Where the model fixes the shapes of all outputs they are allocated once and each slot
/// has an Ort::IoBinding (60 ns a call cheaper than passing names and values); else each run
/// allocates those that are open, because a binding would keep the shapes of its first run.
class OrtSession final : public engine::Session {
 public:
  OrtSession(std::shared_ptr<Ort::Session> session, const engine::LoadRequest& request)
      : session_(std::move(session)), output_names_(request.outputs) {
    for (const TensorSpec& input : request.inputs) input_names_.push_back(input.name);
    for (const std::string& name : input_names_) input_pointers_.push_back(name.c_str());
    for (const std::string& name : output_names_) output_pointers_.push_back(name.c_str());
    allocate_outputs();
  }

  void bind(std::size_t slot, std::span<const engine::ConstTensorView> inputs) override {
    while (slots_.size() <= slot) slots_.push_back({{}, Ort::IoBinding(*session_)});
    std::vector<Ort::Value>& values = slots_[slot].inputs;
    Ort::IoBinding& binding = slots_[slot].binding;
    values.clear();
    for (const engine::ConstTensorView& input : inputs) {
      // ONNX Runtime takes inputs by a pointer that is not const and does not write through it.
      values.push_back(Ort::Value::CreateTensor(memory_, const_cast<std::byte*>(input.data),
                                                input.spec.byte_size(), input.spec.shape.data(),
                                                input.spec.shape.size(), to_ort(input.spec.type)));
    }
    if (!open_outputs_.empty()) return;
    for (std::size_t i = 0; i < values.size(); ++i) {
      binding.BindInput(input_pointers_[i], values[i]);
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      binding.BindOutput(output_pointers_[i], outputs_[i]);
    }
  }

  void run(std::size_t slot) override {
    translate_errors([&] {
      if (open_outputs_.empty()) {
        session_->Run(run_options_, slots_[slot].binding);
      } else {
        run_allocating(slots_[slot].inputs);
      }
    });
  }

  std::vector<engine::ConstTensorView> outputs() override {
    std::vector<engine::ConstTensorView> views;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      if (!outputs_[i].IsTensor()) {
        throw engine::NotSupported(fmt::format("output '{}' is no tensor", output_names_[i]));
      }
      const Ort::TensorTypeAndShapeInfo info = outputs_[i].GetTensorTypeAndShapeInfo();
      views.push_back({{output_names_[i], from_ort(info.GetElementType()), info.GetShape()},
                       outputs_[i].GetTensorData<std::byte>()});
    }
    return views;
  }

 private:
  struct Slot {
    std::vector<Ort::Value> inputs;
    Ort::IoBinding binding;
  };

  void run_allocating(const std::vector<Ort::Value>& inputs) {
    for (const std::size_t output : open_outputs_) outputs_[output] = Ort::Value{nullptr};
    session_->Run(run_options_, input_pointers_.data(), inputs.data(), inputs.size(),
                  output_pointers_.data(), outputs_.data(), outputs_.size());
  }

  void allocate_outputs() {
    const Ort::AllocatorWithDefaultOptions allocator;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < session_->GetOutputCount(); ++i) {
      names.emplace_back(session_->GetOutputNameAllocated(i, allocator).get());
    }
    for (const std::string& wanted : output_names_) {
      const auto found = std::ranges::find(names, wanted);
      if (found == names.end()) {
        throw std::runtime_error(fmt::format("the model has no output '{}' (it has {})", wanted,
                                             fmt::join(names, ", ")));
      }
      const Ort::TypeInfo type =
          session_->GetOutputTypeInfo(static_cast<std::size_t>(found - names.begin()));
      if (type.GetONNXType() != ONNX_TYPE_TENSOR) {
        throw engine::NotSupported(fmt::format("output '{}' is no tensor", wanted));
      }
      const auto info = type.GetTensorTypeAndShapeInfo();
      const Shape shape = info.GetShape();
      const bool is_static = std::ranges::all_of(shape, [](auto extent) { return extent >= 0; });
      if (is_static) {
        outputs_.push_back(
            Ort::Value::CreateTensor(allocator, shape.data(), shape.size(), info.GetElementType()));
      } else {
        open_outputs_.push_back(outputs_.size());
        outputs_.emplace_back(nullptr);
      }
    }
  }

  std::shared_ptr<Ort::Session> session_;
  Ort::RunOptions run_options_;
  Ort::MemoryInfo memory_ = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  std::vector<std::string> input_names_;
  std::vector<std::string> output_names_;
  std::vector<const char*> input_pointers_;
  std::vector<const char*> output_pointers_;
  std::vector<Ort::Value> outputs_;
  /// Indices of the outputs whose shapes the model leaves open.
  std::vector<std::size_t> open_outputs_;
  std::vector<Slot> slots_;
};

class OrtModel final : public engine::LoadedModel {
 public:
  OrtModel(Ort::Env& env, const engine::LoadRequest& request)
      : env_(env),
        request_(request),
        options_(session_options(request.configuration)),
        shared_(
            engine::resolve_options(option_specs(), request.configuration.options).at("sessions") ==
            "shared") {}

  std::unique_ptr<engine::Session> make_session() override {
    return translate_errors([&] {
      if (session_ == nullptr || !shared_) {
        session_ = std::make_shared<Ort::Session>(env_, request_.artifact.path.c_str(), options_);
      }
      return std::make_unique<OrtSession>(session_, request_);
    });
  }

 private:
  Ort::Env& env_;
  engine::LoadRequest request_;
  Ort::SessionOptions options_;
  bool shared_;
  /// The last one made.
  std::shared_ptr<Ort::Session> session_;
};

class OrtEngine final : public engine::Engine {
 public:
  explicit OrtEngine(std::string version) : version_(std::move(version)) {}

  engine::Description describe() override {
    return {.name = "onnxruntime",
            .version = version_,
            .components = {{"headers", fmt::format("1.{}", ORT_API_VERSION)}},
            .devices = {"cpu"},
            .options = option_specs()};
  }

  std::unique_ptr<engine::LoadedModel> load(const engine::LoadRequest& request) override {
    if (request.configuration.device != "cpu") {
      throw engine::NotSupported(
          fmt::format("device {} (this adapter runs on the CPU; the library's providers are {})",
                      request.configuration.device, fmt::join(Ort::GetAvailableProviders(), ", ")));
    }
    return std::make_unique<OrtModel>(env_, request);
  }

 private:
  std::string version_;
  Ort::Env env_{ORT_LOGGING_LEVEL_WARNING, "moliere"};
};

}  // namespace

std::unique_ptr<engine::Engine> make_engine() {
  // Before the environment exists: the wheel would start a thread and write below the user's cache.
  ::setenv("ORT_DISABLE_TELEMETRY", "1", /*overwrite=*/1);
  std::string version = open_library();
  return std::make_unique<OrtEngine>(std::move(version));
}

}  // namespace moliere::engines::onnxruntime
