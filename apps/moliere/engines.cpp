// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/engine_registry.hpp"
#include "moliere/bench/exchange.hpp"
#include "moliere/core/file.hpp"

#include "commands.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::app {
namespace {

/// A worker that says nothing for so long is broken [s].
constexpr double start_timeout_s = 60;

void show_engine(const bench::EngineManifest& manifest, const std::filesystem::path& folder,
                 const Context& context) {
  fmt::print("{}\n", manifest.name);
  if (!manifest.description.empty()) fmt::print("  {}\n", manifest.description);
  try {
    const bench::WorkerLaunch launch =
        bench::launch_of(manifest, 1, folder / (manifest.name + ".log"));
    bench::WorkerProcess worker(launch, bench::WorkerProcess::Seconds(start_timeout_s),
                                context.stop);
    const engine::Description& engine = worker.ready().engine;
    fmt::print("  available, version {}, devices {}\n", engine.version,
               fmt::join(engine.devices, ", "));
    for (const auto& [name, version] : engine.components)
      fmt::print("  with {} {}\n", name, version);
    for (const engine::OptionSpec& option : engine.options) {
      const std::string choices =
          option.choices.empty() ? "" : fmt::format(" ({})", fmt::join(option.choices, "|"));
      fmt::print("  {}={}{}: {}\n", option.key, option.default_value, choices, option.description);
    }
    worker.shut_down();
  } catch (const bench::WorkerFailure& failure) {
    fmt::print("  {}: {}\n", bench::to_string(failure.failure().outcome), failure.what());
    if (!manifest.setup.empty()) fmt::print("  to get it: {}\n", manifest.setup);
  }
  fmt::print("\n");
}

void show_engines(const Context& context) {
  const TemporaryDirectory folder("moliere-engines");
  const std::vector<std::filesystem::path> search = bench::engine_search_path();
  const std::vector<bench::EngineManifest> engines = bench::find_engines(search);
  for (const bench::EngineManifest& manifest : engines) {
    if (manifest.in_all) show_engine(manifest, folder.path(), context);
  }
  if (engines.empty()) {
    fmt::print("no engines found below\n");
    for (const std::filesystem::path& place : search) fmt::print("  {}\n", place.string());
  }
}

}  // namespace

void add_engines(CLI::App& app, Context& context) {
  app.add_subcommand("engines", "Which engines are here: versions, devices, options")
      ->callback([&context] { show_engines(context); });
}

}  // namespace moliere::app
