// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>

#include <nlohmann/json.hpp>

namespace moliere {

/// Keeps the order in which keys were put, so that files read as they were meant.
using Json = nlohmann::ordered_json;

/// Parses a file. Throws Error with the position for text that is not JSON.
Json read_json(const std::filesystem::path& path);
/// Writes indented JSON atomically (see write_atomically).
void write_json(const std::filesystem::path& path, const Json& json);

}  // namespace moliere
