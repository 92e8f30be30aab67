// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/judge/evaluation_page.hpp"
#include "moliere/judge/evaluation_text.hpp"
#include "moliere/page/render.hpp"

#include <memory>

#include "classifiers.hpp"
#include "commands.hpp"
#include "outputs.hpp"
#include "stoppable.hpp"
#include <fmt/format.h>

namespace moliere::app {
namespace {
namespace fs = std::filesystem;

struct EvaluateOptions {
  std::string reference;
  std::string sample;
  std::string train;
  std::string geometry;
  std::string output;
  bool quick = false;
  std::int64_t rows = 0;
  std::int64_t neighbour_rows = 0;
  int threads = 0;
  std::vector<std::string> classifiers;
  int seeds = 0;
  std::string device = "auto";
};

judge::EvaluationOptions evaluation_options(const EvaluateOptions& given) {
  judge::EvaluationOptions options =
      given.quick ? judge::EvaluationOptions::quick() : judge::EvaluationOptions();
  if (!given.train.empty()) options.train = given.train;
  if (given.rows > 0) options.rows = given.rows;
  if (given.neighbour_rows > 0) options.neighbour_rows = given.neighbour_rows;
  options.threads = given.threads;
  return options;
}

ClassifierRequest classifier_request(const EvaluateOptions& given, std::int64_t rows) {
  ClassifierRequest request;
  request.reference = given.reference;
  request.sample = given.sample;
  request.train = given.train;
  request.geometry = given.geometry;
  request.features = given.classifiers;
  if (given.classifiers.empty()) request.features = {"high", "low"};
  // The voxels take most of the time.
  if (given.classifiers.empty() && given.quick) request.features = {"high"};
  if (given.classifiers == std::vector<std::string>{"none"}) request.features.clear();
  // The challenge's tables give ten runs; five tell the error of the mean.
  constexpr int usual_seeds = 5;
  constexpr int quick_seeds = 1;
  request.seeds = given.seeds > 0 ? given.seeds : given.quick ? quick_seeds : usual_seeds;
  request.rows = rows;
  request.device = given.device;
  request.threads = given.threads;
  request.quick = given.quick;
  return request;
}

void run_evaluate(const EvaluateOptions& given, StoppableProgress& progress) {
  const calo::Geometry geometry = calo::find_geometry(given.geometry);
  const fs::path figures = fs::path(given.output) / "evaluation.json";
  const fs::path html = fs::path(given.output) / "evaluation.html";
  const bool writes = !given.output.empty();
  Outputs outputs;
  for (const fs::path& file : {figures, html}) {
    if (!writes) continue;
    require_other_file(file, {given.reference, given.sample, given.train});
    outputs.will_write(file);
  }
  const judge::EvaluationOptions options = evaluation_options(given);

  judge::Evaluation evaluation =
      judge::evaluate(given.reference, given.sample, geometry, options, progress);
  evaluation.quick = given.quick;
  TrainedVerdicts trained = run_classifiers(classifier_request(given, options.rows), progress);
  evaluation.classifiers = std::move(trained.classifiers);
  evaluation.membership = std::move(trained.membership);
  progress.clear();

  fmt::print("{}", judge::evaluation_table(evaluation));
  if (!writes) return;
  write_atomically(figures, judge::evaluation_json(evaluation, geometry).dump(1) + "\n");
  outputs.written(figures);
  write_atomically(html, page::render(judge::evaluation_page(evaluation, geometry)));
  outputs.keep();
  fmt::print("page: {}\nfigures: {}\n", html.string(), figures.string());
}

}  // namespace

void add_evaluate(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand(
      "evaluate", "Judges generated showers against reference ones, as the CaloChallenge does");
  const auto options = std::make_shared<EvaluateOptions>();
  command.add_option("reference", options->reference, "Full-simulation showers")
      ->required()
      ->type_name("REF.h5");
  command.add_option("generated", options->sample, "Showers to be judged")
      ->required()
      ->type_name("GEN.h5");
  command
      .add_option("-g,--geometry", options->geometry,
                  "ds1-photons, ds1-pions, ds2, ds3, or a binning file: FILE.xml[:PARTICLE]")
      ->required()
      ->type_name("GEOMETRY");
  command
      .add_option("--train", options->train,
                  "Showers of the training: asks whether the generator repeats them")
      ->type_name("TRAIN.h5");
  command
      .add_option("-o,--output", options->output,
                  "Folder for evaluation.html (every picture) and evaluation.json")
      ->type_name("FOLDER");
  command.add_flag("--quick", options->quick,
                   "A glance: 5,000 showers, one run a classifier, 10 epochs in float32");
  command.add_option("--rows", options->rows, "At most so many showers of each file")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--neighbour-rows", options->neighbour_rows,
                  "At most so many where all pairs are looked at [10000]")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--classifier", options->classifiers,
                  "What classifiers see: low, low-normed, high, cnn; comma list, or none "
                  "[high,low; --quick: high]")
      ->delimiter(',')
      ->check(CLI::IsMember({"low", "low-normed", "high", "cnn", "none"}));
  command.add_option("--seeds", options->seeds, "Runs of each classifier [5]")
      ->check(CLI::PositiveNumber);
  command.add_option("--device", options->device, "Of the classifiers: auto, cpu, cuda")
      ->capture_default_str();
  command.add_option("-t,--threads", options->threads, "Threads [all]")->check(CLI::PositiveNumber);
  command.callback([options, &context] {
    run_stoppable(context, [&](StoppableProgress& progress) { run_evaluate(*options, progress); });
  });
}

}  // namespace moliere::app
