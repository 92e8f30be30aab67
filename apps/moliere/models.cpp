// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/model_case.hpp"
#include "moliere/bench/plan.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/json.hpp"
#include "moliere/onnx/model_file.hpp"
#include "moliere/report/model_table.hpp"
#include "moliere/zoo/zoo.hpp"

#include <filesystem>
#include <memory>
#include <optional>

#include "commands.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::app {
namespace {

struct ModelOptions {
  std::string model;
  std::string folder;
  std::vector<std::string> selectors{"@all"};
  std::optional<std::int64_t> batch;
  std::vector<std::string> dimensions;
  bool json = false;
  bool ops = false;
};

void list_models() {
  for (const zoo::Entry& entry : zoo::entries()) {
    fmt::print("{:<22} batch {:<8} {}\n", entry.name,
               entry.dynamic_batch ? "free" : fmt::to_string(entry.default_batch),
               entry.description);
  }
}

void export_models(const ModelOptions& options) {
  std::vector<std::string> names;
  for (const std::string& selector : options.selectors) {
    for (std::string& name : zoo::expand(selector)) names.push_back(std::move(name));
  }
  for (const std::string& name : names) {
    const zoo::Entry& entry = *zoo::find(name);
    const std::filesystem::path file = std::filesystem::path(options.folder) / (name + ".onnx");
    onnx::save_model(zoo::make(entry, options.batch), file);
    fmt::print("{}\n", file.string());
  }
}

void show_model(const ModelOptions& options) {
  const TemporaryDirectory folder("moliere-models");
  bench::ModelRequest request{.selector = options.model, .batch = options.batch};
  for (const std::string& text : options.dimensions)
    request.dimensions.insert(bench::parse_dimension(text));
  const bench::ModelCase model = bench::make_case(request, folder.path());
  if (options.json) {
    fmt::print("{}\n", report::model_json(model, options.ops).dump(1));
  } else {
    fmt::print("{}", report::model_table(model, options.ops));
  }
}

}  // namespace

void add_models(CLI::App& app, Context&) {
  CLI::App& models = *app.add_subcommand("models", "Lists, writes and describes models");
  models.require_subcommand(1);
  const auto options = std::make_shared<ModelOptions>();

  models.add_subcommand("list", "The built-in models")->callback(list_models);

  CLI::App& info =
      *models.add_subcommand("info", "Operations, bytes and least memory of a model, at one batch");
  info.add_option("model", options->model, "Built-in name or ONNX file")
      ->required()
      ->type_name("MODEL");
  info.add_option("-b,--batch", options->batch, "Events per call")->check(positive());
  info.add_option("--dim", options->dimensions, "Fixes a symbolic dimension; repeatable")
      ->type_name("NAME=N");
  info.add_flag("--ops", options->ops, "A line for each node");
  info.add_flag("--json", options->json, "JSON instead of a table");
  info.callback([options] { show_model(*options); });

  CLI::App& exporter = *models.add_subcommand("export", "Writes built-in models as ONNX files");
  exporter.add_option("folder", options->folder, "Where to")->required()->type_name("DIR");
  exporter.add_option("model", options->selectors, "Names or sets")
      ->type_name("MODEL")
      ->capture_default_str();
  exporter
      .add_option("-b,--batch", options->batch,
                  "Events per call [the model's own; free where it is]")
      ->check(positive());
  exporter.callback([options] { export_models(*options); });
}

}  // namespace moliere::app
