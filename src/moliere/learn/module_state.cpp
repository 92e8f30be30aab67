// SPDX-License-Identifier: Apache-2.0
#include "moliere/learn/module_state.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <cassert>
#include <sstream>
#include <vector>

#include <torch/nn/module.h>
#include <torch/serialize.h>

namespace moliere::learn {
namespace {

/// In the module's own order.
std::vector<at::Tensor> tensors_of(const torch::nn::Module& module) {
  std::vector<at::Tensor> tensors = module.parameters();
  const std::vector<at::Tensor> buffers = module.buffers();
  tensors.insert(tensors.end(), buffers.begin(), buffers.end());
  return tensors;
}

struct Form {
  std::vector<std::int64_t> shape;
  at::ScalarType type;
  bool operator==(const Form&) const = default;
};

std::vector<Form> forms_of(const torch::nn::Module& module) {
  std::vector<Form> forms;
  for (const at::Tensor& tensor : tensors_of(module)) {
    forms.push_back({tensor.sizes().vec(), tensor.scalar_type()});
  }
  return forms;
}

}  // namespace

struct ModuleState::Tensors {
  std::vector<at::Tensor> values;
};

ModuleState::ModuleState(const torch::nn::Module& module) : tensors_(std::make_unique<Tensors>()) {
  for (const at::Tensor& tensor : tensors_of(module)) {
    tensors_->values.push_back(tensor.detach().clone());
  }
}

ModuleState::~ModuleState() = default;
ModuleState::ModuleState(ModuleState&&) noexcept = default;
ModuleState& ModuleState::operator=(ModuleState&&) noexcept = default;

void ModuleState::restore(torch::nn::Module& module) const {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> tensors = tensors_of(module);
  assert(tensors.size() == tensors_->values.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) tensors[i].copy_(tensors_->values[i]);
}

void save_module(const torch::nn::Module& module, const std::filesystem::path& file) {
  torch::serialize::OutputArchive archive;
  module.save(archive);
  std::ostringstream stream;
  archive.save_to(stream);
  write_atomically(file, stream.view());
}

void load_module(torch::nn::Module& module, const std::filesystem::path& file) {
  const std::vector<Form> expected = forms_of(module);
  std::istringstream stream(read_text(file));
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(stream);
    module.load(archive);
  } catch (const std::exception&) {
    throw Error(fmt::format("{} holds no weights of this network", file.string()),
                "it is another kind of file, damaged, or of a network of other parts",
                "use the file that was saved with it");
  }
  // LibTorch takes tensors of any shape.
  if (forms_of(module) != expected) {
    throw Error(fmt::format("{} holds weights of another shape", file.string()),
                "it was saved from a network of other widths",
                "use the file that was saved with it");
  }
}

}  // namespace moliere::learn
