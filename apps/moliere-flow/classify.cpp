// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/geometry.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/json.hpp"
#include "moliere/core/version.hpp"
#include "moliere/judge/classifier/classifier.hpp"
#include "moliere/learn/device.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "../moliere/outputs.hpp"
#include "commands.hpp"
#include "shower_features.hpp"
#include <fmt/format.h>

namespace moliere::app {
namespace {
namespace fs = std::filesystem;
namespace classifier = judge::classifier;

struct ClassifyCommand {
  std::string reference;
  std::vector<std::string> generated;
  std::string train;
  std::string geometry;
  std::string features = "low";
  std::string split = "fractions";
  std::string precision = "float64";
  int seeds = 5;
  classifier::ClassifierOptions options;
  std::string output;
  bool json = false;
};

classifier::ClassifierOptions resolve(const ClassifyCommand& command,
                                      const calo::Geometry& geometry) {
  classifier::ClassifierOptions options = command.options;
  options.precision = command.precision == "float32" ? classifier::Precision::float32
                                                     : classifier::Precision::float64;
  // Found missing before files are read.
  options.device = learn::select_device(options.device).str();
  if (feature_set(command.features) == FeatureSet::cnn) {
    options.kind = classifier::NetworkKind::cnn;
    options.image = classifier::image_shape(geometry);
  }
  if (command.split == "official") {
    options.split = classifier::official_split(geometry.name());
    if (!options.split) {
      throw Error(fmt::format("there is no official split for {}", geometry.name()),
                  "the challenge states counts for its own data sets", "take --split fractions");
    }
  }
  return options;
}

Json json_of(const classifier::Spread& spread) {
  return {{"mean", spread.mean},
          {"standard_deviation", spread.standard_deviation},
          {"standard_error", spread.standard_error}};
}

Json json_of(const classifier::SplitCounts& counts) {
  return {{"train", counts.train}, {"test", counts.test}, {"validation", counts.validation}};
}

Json json_of(const classifier::ClassifierResult& run) {
  return {{"seed", run.seed},
          {"auc", run.auc},
          {"jsd", run.jsd},
          {"auc_uncalibrated", run.auc_uncalibrated},
          {"jsd_uncalibrated", run.jsd_uncalibrated},
          {"best_epoch", run.best_epoch},
          {"losses", run.losses},
          {"accuracies", run.accuracies},
          {"seconds", run.seconds}};
}

/// What every answer begins with: the input and the settings.
Json json_head(const ClassifyCommand& command, const classifier::ClassifierOptions& options) {
  Json json;
  json["format"] = "moliere-classify";
  json["version"] = 1;
  json["moliere"] = {{"version", version()}, {"commit", commit()}};
  json["torch"] = learn::torch_version();
  json["reference"] = command.reference;
  json["generated"] = command.generated;
  json["geometry"] = command.geometry;
  json["features"] = command.features;
  json["settings"] = {{"epochs", options.epochs},       {"batch", options.batch},
                      {"hidden", options.hidden},       {"learning_rate", options.learning_rate},
                      {"precision", command.precision}, {"device", options.device},
                      {"threads", options.threads}};
  return json;
}

void write_result(const ClassifyCommand& command, const Json& json) {
  if (!command.output.empty()) write_json(command.output, json);
  if (command.json) fmt::print("{}\n", json.dump(2));
}

void print_title(const ClassifyCommand& command, const classifier::SplitCounts& counts,
                 std::int64_t parameters, const std::string& device) {
  fmt::print("features {}, {} parameters, {}, on {}\n", command.features, parameters,
             command.precision, device);
  fmt::print("of each sample {} train, {} select and calibrate, {} are reported\n", counts.train,
             counts.test, counts.validation);
}

void print_runs(const ClassifyCommand& command, const classifier::RepeatedResult& result) {
  const classifier::ClassifierResult& first = result.runs.front();
  print_title(command, first.counts, first.parameters, first.device);
  fmt::print("\n{:>6} {:>9} {:>9} {:>12} {:>12} {:>6} {:>9}\n", "seed", "AUC", "JSD", "AUC uncal.",
             "JSD uncal.", "epoch", "seconds");
  for (const classifier::ClassifierResult& run : result.runs) {
    fmt::print("{:>6} {:>9.4f} {:>9.4f} {:>12.4f} {:>12.4f} {:>6} {:>9.1f}\n", run.seed, run.auc,
               run.jsd, run.auc_uncalibrated, run.jsd_uncalibrated, run.best_epoch, run.seconds);
  }
  fmt::print(
      "\nAUC {:.4f} +- {:.4f}, JSD {:.4f} +- {:.4f} (mean and standard deviation of {} "
      "trainings; AUC 0.5: not told apart, 1: always)\n",
      result.auc.mean, result.auc.standard_deviation, result.jsd.mean,
      result.jsd.standard_deviation, result.runs.size());
}

void run_two_samples(const ClassifyCommand& command, const classifier::ClassifierOptions& options,
                     const ShowerFeatures& reference, const ShowerFeatures& generated,
                     LineProgress& progress) {
  const classifier::RepeatedResult result = classifier::train_repeated(
      reference.view(), generated.view(), command.seeds, options, progress);
  progress.clear();
  Json json = json_head(command, options);
  json["counts"] = json_of(result.runs.front().counts);
  json["parameters"] = result.runs.front().parameters;
  json["auc"] = json_of(result.auc);
  json["jsd"] = json_of(result.jsd);
  json["runs"] = Json::array();
  for (const classifier::ClassifierResult& run : result.runs) json["runs"].push_back(json_of(run));
  const classifier::RocCurve& roc = result.runs.front().roc;
  json["roc"] = {{"false_positive_rate", roc.false_positive_rate},
                 {"true_positive_rate", roc.true_positive_rate}};
  write_result(command, json);
  if (!command.json) print_runs(command, result);
}

void run_contest(const ClassifyCommand& command, const classifier::ClassifierOptions& options,
                 const ShowerFeatures& reference,
                 const std::vector<std::unique_ptr<ShowerFeatures>>& generated,
                 LineProgress& progress) {
  std::vector<classifier::Contestant> generators;
  for (std::size_t i = 0; i < generated.size(); ++i) {
    generators.push_back({fs::path(command.generated[i]).filename(), generated[i]->view()});
  }
  std::vector<classifier::MulticlassResult> runs;
  std::vector<std::vector<double>> logs(generators.size());
  for (int i = 0; i < command.seeds; ++i) {
    classifier::ClassifierOptions seeded = options;
    seeded.seed += static_cast<std::uint64_t>(i);
    progress.run(i, command.seeds);
    runs.push_back(classifier::train_multiclass(reference.view(), generators, seeded, progress));
    for (std::size_t k = 0; k < logs.size(); ++k) {
      logs[k].push_back(runs.back().mean_log_posterior[k]);
    }
  }
  progress.clear();
  Json json = json_head(command, options);
  json["counts"] = json_of(runs.front().counts);
  json["parameters"] = runs.front().parameters;
  json["generators"] = Json::array();
  if (!command.json) {
    print_title(command, runs.front().counts, runs.front().parameters, options.device);
    fmt::print("\nmean log posterior of the reference's showers, {} trainings (highest: nearest)\n",
               runs.size());
  }
  for (std::size_t k = 0; k < generators.size(); ++k) {
    const classifier::Spread log = classifier::spread(logs[k]);
    json["generators"].push_back(
        {{"name", generators[k].name}, {"mean_log_posterior", json_of(log)}, {"runs", logs[k]}});
    if (!command.json) {
      fmt::print("{:>10.4f} +- {:.4f}  {}\n", log.mean, log.standard_deviation, generators[k].name);
    }
  }
  write_result(command, json);
}

void run_membership(const ClassifyCommand& command, const classifier::ClassifierOptions& options,
                    const ShowerFeatures& held_out, const ShowerFeatures& generated,
                    const ShowerFeatures& training, LineProgress& progress) {
  Json json = json_head(command, options);
  json["train"] = command.train;
  json["runs"] = Json::array();
  std::vector<double> aucs;
  for (int i = 0; i < command.seeds; ++i) {
    classifier::ClassifierOptions seeded = options;
    seeded.seed += static_cast<std::uint64_t>(i);
    progress.run(i, command.seeds);
    const classifier::MembershipResult run = classifier::test_membership(
        training.view(), held_out.view(), generated.view(), seeded, progress);
    aucs.push_back(run.auc);
    json["runs"].push_back({{"seed", run.seed},
                            {"auc", run.auc},
                            {"auc_error", run.auc_error},
                            {"training_accuracy", run.training_accuracy},
                            {"share_learnt", run.share_learnt},
                            {"learnt", run.learnt},
                            {"unseen", run.unseen},
                            {"seconds", run.seconds}});
  }
  progress.clear();
  const classifier::Spread auc = classifier::spread(aucs);
  json["auc"] = json_of(auc);
  write_result(command, json);
  if (command.json) return;
  const Json& first = json["runs"][0];
  fmt::print(
      "AUC {:.4f} +- {:.4f} of {} trainings: how often a generated shower is more like those of "
      "the training\nthan an unseen one is; 0.5: nothing was kept; statistical error {:.4f}\n"
      "{} showers of each were learnt ({:.0f} % of the training, accuracy {:.3f} on them)\n",
      auc.mean, auc.standard_deviation, aucs.size(), first["auc_error"].get<double>(),
      first["learnt"].get<std::int64_t>(), 100 * first["share_learnt"].get<double>(),
      first["training_accuracy"].get<double>());
}

void run(const ClassifyCommand& command) {
  const calo::Geometry geometry = calo::find_geometry(command.geometry);
  const classifier::ClassifierOptions options = resolve(command, geometry);
  Outputs outputs;
  if (!command.output.empty()) {
    std::vector<std::string> inputs = command.generated;
    inputs.insert(inputs.end(), {command.reference, command.train});
    require_other_file(command.output, inputs);
    outputs.will_write(command.output);
  }
  const FeatureSet set = feature_set(command.features);
  LineProgress progress;
  const ShowerFeatures reference(command.reference, geometry, set, progress);
  std::vector<std::unique_ptr<ShowerFeatures>> generated;
  for (const std::string& file : command.generated) {
    generated.push_back(std::make_unique<ShowerFeatures>(file, geometry, set, progress));
  }
  if (!command.train.empty()) {
    if (generated.size() > 1) {
      throw Error("--train with several generated samples", "each has a training of its own",
                  "give them one by one");
    }
    const ShowerFeatures training(command.train, geometry, set, progress);
    run_membership(command, options, reference, *generated.front(), training, progress);
  } else if (generated.size() == 1) {
    run_two_samples(command, options, reference, *generated.front(), progress);
  } else {
    run_contest(command, options, reference, generated, progress);
  }
  outputs.keep();
}

}  // namespace

void add_classify(CLI::App& app) {
  auto command = std::make_shared<ClassifyCommand>();
  CLI::App* classify = app.add_subcommand(
      "classify", "Train the CaloChallenge's classifiers to tell generated showers from Geant4's");
  classify->add_option("REF", command->reference, "file of reference showers (HDF5)")->required();
  classify
      ->add_option("GEN", command->generated,
                   "file of generated showers; of several: which of them is nearest to REF")
      ->required();
  classify
      ->add_option("-g,--geometry", command->geometry,
                   "ds1-photons, ds1-pions, ds2, ds3, or a binning file")
      ->required();
  classify->add_option(
      "--train", command->train,
      "file of the generator's training: asks whether GEN repeats it, by a network "
      "that knows it by heart; REF is what the generator has not seen");
  classify->add_option("--features", command->features, "low, low-normed, high or cnn")
      ->capture_default_str();
  classify->add_option("--seeds", command->seeds, "trainings, each with a split of its own")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  classify->add_option("--seed", command->options.seed, "the first seed")->capture_default_str();
  classify->add_option("--epochs", command->options.epochs, "passes over the training showers")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  classify->add_option("--batch", command->options.batch, "showers a step")
      ->check(CLI::Range(2, 1 << 30))
      ->capture_default_str();
  classify->add_option("--hidden", command->options.hidden, "width of the network's hidden layers")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  classify
      ->add_option("--split", command->split,
                   "official (the challenge's counts) or fractions (0.6, 0.2, 0.2)")
      ->check(CLI::IsMember({"official", "fractions"}))
      ->capture_default_str();
  classify->add_option("--precision", command->precision, "float64 (official) or float32")
      ->check(CLI::IsMember({"float64", "float32"}))
      ->capture_default_str();
  command->options.device = "auto";
  classify->add_option("--device", command->options.device, "auto, cpu, cuda or cuda:N")
      ->capture_default_str();
  classify->add_option("--threads", command->options.threads, "CPU threads; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  classify->add_option("-o,--output", command->output, "write the result as JSON");
  classify->add_flag("--json", command->json, "print the result as JSON");
  classify->callback([command] { run(*command); });
}

}  // namespace moliere::app
