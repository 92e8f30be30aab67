// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/engine_registry.hpp"

#include <cstdlib>

/// The misbehaving engine of engines/test, as it lies in the build folder.
namespace moliere::bench {

inline EngineManifest test_engine() {
  const std::filesystem::path build = std::getenv("MOLIERE_BINARY_DIR");
  return read_manifest(build / "engines" / "test" / "engine.json");
}

}  // namespace moliere::bench
