// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/file.hpp"

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace moliere::bench {

constexpr std::int64_t kib = 1024;

/// A made /proc and /sys in a folder of its own.
class MadeSystem {
 public:
  const std::filesystem::path& root() const { return folder_.path(); }
  /// Makes root()/path, with its folders.
  MadeSystem& file(std::string_view path, std::string_view text) {
    write_atomically(root() / path, text);
    return *this;
  }

 private:
  TemporaryDirectory folder_{"moliere-made-system"};
};

}  // namespace moliere::bench
