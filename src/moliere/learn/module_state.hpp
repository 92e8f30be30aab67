// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <memory>

namespace torch::nn {
class Module;
}

namespace moliere::learn {

/// A copy of a module's parameters and buffers, to go back to.
class ModuleState {
 public:
  explicit ModuleState(const torch::nn::Module& module);
  ~ModuleState();
  ModuleState(ModuleState&&) noexcept;
  ModuleState& operator=(ModuleState&&) noexcept;

  /// Into a module of the same structure (asserted).
  void restore(torch::nn::Module& module) const;

 private:
  struct Tensors;
  std::unique_ptr<Tensors> tensors_;
};

/// Parameters and buffers in LibTorch's archive format, written atomically. Throws Error.
void save_module(const torch::nn::Module& module, const std::filesystem::path& file);
/// Throws Error when the file is none of these, or belongs to a module of other names or shapes;
/// the module's values are then unspecified.
void load_module(torch::nn::Module& module, const std::filesystem::path& file);

}  // namespace moliere::learn
