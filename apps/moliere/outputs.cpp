// SPDX-License-Identifier: Apache-2.0
#include "outputs.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace moliere::app {
namespace fs = std::filesystem;

void require_other_file(const fs::path& output, const std::vector<std::string>& inputs) {
  std::error_code error;
  const fs::file_status status = fs::status(output, error);
  if (!fs::exists(status)) return;
  if (!fs::is_regular_file(status)) {
    throw Error(fmt::format("{} cannot be written", output.string()),
                fs::is_directory(status)
                    ? "it is a folder"
                    : "it is a device or a pipe, and a file would take its place",
                "name a file");
  }
  for (const std::string& input : inputs) {
    if (!fs::equivalent(output, input, error)) continue;
    throw Error(fmt::format("{} is input and output", output.string()),
                "the showers that are read would be replaced", "give the output another name");
  }
}

Outputs::~Outputs() {
  if (kept_) return;
  std::error_code ignored;
  for (const fs::path& file : written_) fs::remove(file, ignored);
  std::ranges::reverse(made_folders_);
  for (const fs::path& folder : made_folders_) fs::remove(folder, ignored);  // an empty one only
}

void Outputs::will_write(const fs::path& file) {
  std::vector<fs::path> missing;
  std::error_code error;
  for (fs::path folder = file.parent_path(); !folder.empty() && !fs::exists(folder, error);
       folder = folder.parent_path()) {
    missing.insert(missing.begin(), folder);
  }
  made_folders_.insert(made_folders_.end(), missing.begin(), missing.end());
  require_writable(file);
}

}  // namespace moliere::app
