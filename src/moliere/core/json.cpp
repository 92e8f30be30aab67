// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/json.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

namespace moliere {

Json read_json(const std::filesystem::path& path) {
  try {
    return Json::parse(read_text(path));
  } catch (const Json::parse_error& error) {
    throw Error(fmt::format("{} is not JSON", path.string()), error.what(),
                "check that it is the right file and that it is complete");
  }
}

void write_json(const std::filesystem::path& path, const Json& json) {
  write_atomically(path, json.dump(1) + "\n");
}

}  // namespace moliere
