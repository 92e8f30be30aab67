// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace moliere::bench {

/// One engine.json (docs/formats/engine.md): how the worker of an engine is started.
struct EngineManifest {
  std::string name;
  std::string description;
  int protocol = 0;
  /// Absolute program path (or a name for PATH) and its arguments.
  std::vector<std::string> command;
  /// With `{threads}` still to be replaced.
  std::map<std::string, std::string> environment;
  /// What the user calls to get the engine.
  std::string setup;
  bool in_all = true;
  /// Why the manifest cannot be used; empty where it can. launch_of() reports it as a failure.
  std::string broken;
};

/// Reads and checks a manifest. Throws Error.
EngineManifest read_manifest(const std::filesystem::path& file);

/// Where engines are looked for: MOLIERE_ENGINE_PATH, then beside the running executable.
std::vector<std::filesystem::path> engine_search_path();

/// All engines below these folders, the first of each name, sorted by name. A manifest that cannot
/// be read is an engine named like its folder that is `broken`: it does not take the others away.
std::vector<EngineManifest> find_engines(const std::vector<std::filesystem::path>& folders);

}  // namespace moliere::bench
