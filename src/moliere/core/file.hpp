// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moliere {

/// The whole file. Throws Error when it cannot be opened or read.
std::string read_text(const std::filesystem::path& path);
std::vector<std::byte> read_bytes(const std::filesystem::path& path);

/// Writes the whole file under a temporary name in the same folder, syncs it and renames it, so
/// that a reader finds the old file or the new one and never a part. Missing folders are made.
/// Throws Error (and leaves no temporary file) when the disk is full or the folder is read-only.
void write_atomically(const std::filesystem::path& path, std::string_view text);
void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// Whether write_atomically() may be expected to work there, asked before long work. Missing
/// folders are made. Throws Error.
void require_writable(const std::filesystem::path& path);

/// A folder that is removed, with all in it, when the object goes.
class TemporaryDirectory {
 public:
  /// Below $TMPDIR or /tmp; `label` is part of the name. Throws Error.
  explicit TemporaryDirectory(std::string_view label = "moliere");
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// $MOLIERE_CACHE_DIR, else $XDG_CACHE_HOME/moliere, else ~/.cache/moliere.
std::filesystem::path cache_directory();

}  // namespace moliere
