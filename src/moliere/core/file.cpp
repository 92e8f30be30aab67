// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/file.hpp"

#include "moliere/core/error.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace moliere {
namespace fs = std::filesystem;
namespace {

template <class Container>
Container read_whole(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    throw Error(fmt::format("{} is a folder", path.string()), "a file is needed here",
                "give the path of a file");
  }
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  if (!stream) {
    throw Error(fmt::format("cannot open {}", path.string()), std::strerror(errno),
                "check the path and its permissions");
  }
  const std::streamoff size = stream.tellg();
  Container content;
  content.resize(static_cast<std::size_t>(size));
  stream.seekg(0);
  stream.read(reinterpret_cast<char*>(content.data()), size);
  if (!stream) {
    throw Error(fmt::format("cannot read {}", path.string()), "the read ended early",
                "check the disk, or whether the file is being written");
  }
  return content;
}

[[noreturn]] void throw_unwritable(const fs::path& path, int code) {
  throw Error(fmt::format("cannot write {}", path.string()), std::strerror(code),
              "check the free space and the permissions of its folder");
}

struct TemporaryFile {
  int descriptor = -1;
  std::string name;
};

/// In the folder of `path`, which is made where it is missing.
TemporaryFile temporary_beside(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code made;
  fs::create_directories(folder, made);
  TemporaryFile file;
  file.name = (folder / fmt::format(".{}.XXXXXX", path.filename().string())).string();
  file.descriptor = ::mkstemp(file.name.data());
  if (file.descriptor < 0) throw_unwritable(path, errno);
  return file;
}

}  // namespace

std::string read_text(const fs::path& path) { return read_whole<std::string>(path); }

std::vector<std::byte> read_bytes(const fs::path& path) {
  return read_whole<std::vector<std::byte>>(path);
}

void write_atomically(const fs::path& path, std::span<const std::byte> bytes) {
  const auto [descriptor, temporary] = temporary_beside(path);
  int code = 0;
  while (!bytes.empty() && code == 0) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      code = errno;
    }
  }
  constexpr mode_t usual_permissions = 0644;  // mkstemp makes 0600
  if (code == 0 && (::fchmod(descriptor, usual_permissions) != 0 || ::fsync(descriptor) != 0)) {
    code = errno;
  }
  if (::close(descriptor) != 0 && code == 0) code = errno;
  if (code == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) code = errno;
  if (code != 0) {
    ::unlink(temporary.c_str());
    throw_unwritable(path, code);
  }
}

void write_atomically(const fs::path& path, std::string_view text) {
  write_atomically(path, std::as_bytes(std::span(text)));
}

void require_writable(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) throw_unwritable(path, EISDIR);
  const auto [descriptor, temporary] = temporary_beside(path);
  ::close(descriptor);
  ::unlink(temporary.c_str());
}

TemporaryDirectory::TemporaryDirectory(std::string_view label) {
  std::error_code error;
  const fs::path base = fs::temp_directory_path(error);
  std::string pattern =
      ((error ? fs::path("/tmp") : base) / fmt::format("{}-XXXXXX", label)).string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw Error(fmt::format("cannot make a folder like {}", pattern), std::strerror(errno),
                "set TMPDIR to a folder that can be written");
  }
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path cache_directory() {
  const auto variable = [](const char* name) -> fs::path {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  if (fs::path own = variable("MOLIERE_CACHE_DIR"); !own.empty()) return own;
  if (const fs::path xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) return xdg / "moliere";
  if (const fs::path home = variable("HOME"); !home.empty()) return home / ".cache" / "moliere";
  return fs::temp_directory_path() / "moliere-cache";
}

}  // namespace moliere
