// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace moliere::app {

/// Throws Error where `output` is one of `inputs` under whatever name, or is neither a file nor
/// absent (a folder, a device, a pipe): an output takes the place of what has its name.
void require_other_file(const std::filesystem::path& output,
                        const std::vector<std::string>& inputs);

/// Files that a command writes: all of them stay, or none. Each must be written whole by itself
/// (ShowerWriter, write_atomically).
class Outputs {
 public:
  Outputs() = default;
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;
  /// Unless keep() was called, removes the files that were written and the folders that were made.
  ~Outputs();

  /// Makes the folder and asks whether the file can be written. Throws Error.
  void will_write(const std::filesystem::path& file);
  /// It is there now: it goes if a later one fails.
  void written(const std::filesystem::path& file) { written_.push_back(file); }
  void keep() { kept_ = true; }

 private:
  std::vector<std::filesystem::path> written_;
  std::vector<std::filesystem::path> made_folders_;  ///< outer ones first
  bool kept_ = false;
};

}  // namespace moliere::app
