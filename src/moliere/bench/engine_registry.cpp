// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/engine_registry.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/json.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <sstream>

namespace moliere::bench {
namespace fs = std::filesystem;
namespace {

const char* const manifest_help = "see docs/formats/engine.md";

/// The interpreter of the private virtual environment: $MOLIERE_VENV, else python3 of the PATH.
std::string python_interpreter() {
  const char* venv = std::getenv("MOLIERE_VENV");
  return venv != nullptr ? (fs::path(venv) / "bin" / "python").string() : "python3";
}

}  // namespace

EngineManifest read_manifest(const fs::path& file) {
  const Json json = read_json(file);
  EngineManifest manifest;
  try {
    static const std::set<std::string> known{"name",        "description", "protocol", "command",
                                             "environment", "setup",       "in_all"};
    for (const auto& item : json.items()) {
      if (!known.contains(item.key())) {
        throw Error(fmt::format("{} has the unknown key '{}'", file.string(), item.key()),
                    "a misspelt key would be ignored in silence", manifest_help);
      }
    }
    json.at("name").get_to(manifest.name);
    manifest.description = json.value("description", "");
    json.at("protocol").get_to(manifest.protocol);
    json.at("command").get_to(manifest.command);
    const Json environment = json.value("environment", Json::object());
    for (const auto& item : environment.items()) {
      manifest.environment[item.key()] = item.value().get<std::string>();
    }
    manifest.setup = json.value("setup", "");
    manifest.in_all = json.value("in_all", true);
  } catch (const Json::exception& error) {
    throw Error(fmt::format("{} does not describe an engine", file.string()), error.what(),
                manifest_help);
  }
  if (manifest.command.empty()) {
    throw Error(fmt::format("{} has an empty command", file.string()), "there is nothing to start",
                manifest_help);
  }
  for (std::string& part : manifest.command) {
    if (part == "{python}") part = python_interpreter();
    if (part.starts_with(".")) part = fs::weakly_canonical(file.parent_path() / part).string();
  }
  return manifest;
}

std::vector<fs::path> engine_search_path() {
  std::vector<fs::path> folders;
  if (const char* variable = std::getenv("MOLIERE_ENGINE_PATH")) {
    std::istringstream list(variable);
    for (std::string folder; std::getline(list, folder, ':');) {
      if (!folder.empty()) folders.emplace_back(folder);
    }
  }
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const fs::path prefix = executable.parent_path().parent_path();
    folders.push_back(prefix / "libexec" / "moliere" / "engines");  // installed
    folders.push_back(prefix / "engines");                          // build folder: bin/moliere
    folders.push_back(prefix.parent_path() / "engines");            // its tests: tests/x/test_x
  }
  return folders;
}

std::vector<EngineManifest> find_engines(const std::vector<fs::path>& folders) {
  std::map<std::string, EngineManifest> found;
  for (const fs::path& folder : folders) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
      const fs::path file = entry.path() / "engine.json";
      if (!fs::exists(file)) continue;
      EngineManifest manifest;
      try {
        manifest = read_manifest(file);
      } catch (const Error& problem) {
        manifest = {};
        manifest.name = entry.path().filename().string();
        manifest.broken = problem.what();
      }
      found.try_emplace(manifest.name, std::move(manifest));
    }
  }
  std::vector<EngineManifest> engines;
  for (auto& [name, manifest] : found) engines.push_back(std::move(manifest));
  return engines;
}

}  // namespace moliere::bench
