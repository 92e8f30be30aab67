// SPDX-License-Identifier: Apache-2.0
#include "moliere/engine/engine.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::engine {

Options resolve_options(const std::vector<OptionSpec>& specs, const Options& given) {
  Options resolved;
  for (const OptionSpec& spec : specs) resolved[spec.key] = spec.default_value;
  for (const auto& [key, value] : given) {
    const auto spec = std::ranges::find(specs, key, &OptionSpec::key);
    if (spec == specs.end()) {
      std::vector<std::string> keys;
      for (const OptionSpec& known : specs) keys.push_back(known.key);
      throw NotSupported(
          fmt::format("unknown option '{}' (this engine has {})", key,
                      keys.empty() ? "no options" : fmt::format("{}", fmt::join(keys, ", "))));
    }
    if (!spec->choices.empty() && std::ranges::find(spec->choices, value) == spec->choices.end()) {
      throw NotSupported(fmt::format("option {}={} (it takes one of {})", key, value,
                                     fmt::join(spec->choices, ", ")));
    }
    resolved[key] = value;
  }
  return resolved;
}

Artifact Engine::prepare(const std::filesystem::path& model, const Configuration&,
                         const std::filesystem::path&) {
  return Artifact{.path = model};
}

}  // namespace moliere::engine
