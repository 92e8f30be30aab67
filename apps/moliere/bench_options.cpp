// SPDX-License-Identifier: Apache-2.0
#include "bench_options.hpp"

#include "moliere/bench/inputs.hpp"
#include "moliere/bench/machine.hpp"
#include "moliere/bench/result_file.hpp"
#include "moliere/bench/roofline.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/hash.hpp"
#include "moliere/core/version.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <map>

#include "console.hpp"
#include <fmt/chrono.h>
#include <fmt/ranges.h>

namespace moliere::app {
namespace fs = std::filesystem;
namespace {

/// Time for one comparison where --budget does not say [s].
constexpr double default_budget_s = 20;
/// Batch of models with a free batch in the throughput scenario.
constexpr int throughput_batch = 64;

/// "4G", "512M", "1000000" -> bytes; "" -> 0.
std::uint64_t parse_bytes(const std::string& text) {
  if (text.empty()) return 0;
  static const std::map<char, std::uint64_t> units{
      {'k', 1ULL << 10}, {'K', 1ULL << 10}, {'M', 1ULL << 20}, {'G', 1ULL << 30}};
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  if (error == std::errc{} && value > 0) {
    if (unit.empty()) return value;
    const auto found = units.find(unit[0]);
    if (unit.size() == 1 && found != units.end()) return value * found->second;
  }
  throw Error(fmt::format("'{}' does not fit --memory-limit", text), "it takes a number of bytes",
              "write for example 4G or 512M");
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> pieces;
  std::istringstream stream(list);
  for (std::string piece; std::getline(stream, piece, ',');) {
    if (!piece.empty()) pieces.push_back(piece);
  }
  return pieces;
}

std::vector<bench::EngineChoice> choose_engines(
    const BenchOptions& options, const std::vector<bench::EngineManifest>& manifests) {
  std::vector<std::string> values = options.engines;
  if (values.empty()) values = {"all"};
  std::vector<std::string> all;
  for (const bench::EngineManifest& manifest : manifests) {
    if (manifest.in_all) all.push_back(manifest.name);
  }
  for (std::string& value : values) {
    if (value == "all") value = fmt::format("{}", fmt::join(all, ","));
  }
  std::vector<bench::EngineChoice> engines = bench::parse_engines(values);
  for (const bench::EngineChoice& engine : engines) {
    if (std::ranges::find(manifests, engine.name, &bench::EngineManifest::name) ==
        manifests.end()) {
      std::vector<std::string> known;
      for (const bench::EngineManifest& manifest : manifests) known.push_back(manifest.name);
      throw Error(fmt::format("there is no engine '{}'", engine.name),
                  fmt::format("known are {}",
                              known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))),
                  "see moliere engines");
    }
  }
  return engines;
}

std::string now_utc() {
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

bench::CaseDescription describe(const bench::ModelCase& model, const bench::Axes& axes,
                                const bench::Roofline& roofline) {
  const onnx::Cost& total = model.cost.total;
  const onnx::MemoryBound& memory = model.cost.memory;
  bench::CaseDescription description{.model = model.name,
                                     .hash = model.hash,
                                     .batch = model.batch,
                                     .threads = axes.threads,
                                     .streams = axes.streams,
                                     .device = axes.device,
                                     .parameters = total.parameters,
                                     .macs = total.macs,
                                     .flops = total.flops,
                                     .compulsory_bytes = model.cost.compulsory_bytes,
                                     .minimum_memory = memory.total(),
                                     .cost_complete = model.cost.complete};
  if (axes.device == "cpu" && total.flops > 0) {
    const std::int64_t working_set = memory.total() + memory.inputs + memory.outputs;
    description.limit =
        bench::roofline_limit(roofline, total.flops, model.cost.compulsory_bytes, working_set);
  }
  return description;
}

/// A comparison that cannot be run at all (a bad file, a batch that does not fit) is one entry that
/// says why; the run goes on.
bench::ComparisonResult not_runnable(const ResolvedPlan::Entry& entry, const std::string& reason) {
  bench::ComparisonResult result;
  result.description.model = entry.request.selector;
  result.description.batch = entry.request.batch.value_or(0);
  result.description.threads = entry.axes.threads;
  result.description.streams = entry.axes.streams;
  result.description.device = entry.axes.device;
  result.stopped_by = reason;
  return result;
}

std::string key_of(const ResolvedPlan::Entry& entry) {
  return fmt::format("{} batch {} threads {} streams {} {}", entry.request.selector,
                     entry.request.batch.value_or(0), entry.axes.threads, entry.axes.streams,
                     entry.axes.device);
}

/// Adds what tells one version of a file from the next, or the name of what is no file.
void add_file(ContentHash& hash, const std::string& name) {
  hash.add(name);
  std::error_code error;
  if (!fs::is_regular_file(name, error)) return;
  hash.add(fmt::format("{} {}", fs::file_size(name, error),
                       fs::last_write_time(name, error).time_since_epoch().count()));
}

/// Not only after an hour.
void check_outputs(const BenchOptions& options) {
  std::error_code ignored;
  const auto place = [&](const std::string& file) {
    return fs::weakly_canonical(fs::absolute(file, ignored), ignored);
  };
  if (!options.output.empty() && !options.csv.empty() &&
      place(options.output) == place(options.csv)) {
    throw Error(fmt::format("-o and --csv both name {}", options.output),
                "one would replace the other", "give them different names");
  }
  for (const std::string& file : {options.output, options.csv}) {
    if (file.empty()) continue;
    const fs::file_status status = fs::status(file, ignored);
    if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status)) {
      throw Error(fmt::format("cannot write {}", file),
                  "it is a device or a pipe, and a file would take its place",
                  "give the name of a file");
    }
    require_writable(file);
  }
}

}  // namespace

void add_plan_options(CLI::App& command, BenchOptions& options) {
  command
      .add_option(
          "model", options.models,
          "Built-in name, ONNX file, or set: @rootbench, @quick, @all (see moliere models list)")
      ->required()
      ->type_name("MODEL");
  command
      .add_option("-e,--engine", options.engines,
                  "Engine with its options; repeatable, comma list; 'all' = all that are here; the "
                  "same twice is an A/A comparison [all]")
      ->type_name("NAME[:KEY=VALUE,...]");
  command
      .add_option("-b,--batch", options.batches,
                  "Events per call, comma list [the model's own, or 1]")
      ->type_name("N,...");
  command
      .add_option("-t,--threads", options.threads,
                  "Intra-op threads of one stream, comma list; 'all' = usable cores")
      ->type_name("N,...")
      ->capture_default_str();
  command
      .add_option("--streams", options.streams,
                  "Independent streams, comma list; 'all' = usable cores")
      ->type_name("N,...")
      ->capture_default_str();
  command.add_option("--device", options.devices, "cpu, cuda; comma list")
      ->type_name("NAME,...")
      ->capture_default_str();
  command.add_option("--dim", options.dimensions, "Fixes a symbolic dimension; repeatable")
      ->type_name("NAME=N");
  command
      .add_option(
          "--input", options.inputs,
          "Your own inputs: .npz, .npy or an ONNX test-data folder; repeatable, one set each")
      ->type_name("FILE");
  command
      .add_option("--expected", options.expected, "Your own expected outputs, one for each --input")
      ->type_name("FILE");
  command
      .add_option("--input-range", options.input_ranges,
                  "Range of a drawn input: whole numbers lo to hi - 1, floats lo to hi; repeatable")
      ->type_name("NAME=LO:HI");
  command.add_option("--seed", options.seed, "Seed of the drawn inputs")->capture_default_str();
  command.add_option("--timeout", options.timeout_s, "Longest wait for a worker [s]")
      ->check(positive())
      ->capture_default_str();
  command.add_option("--memory-limit", options.memory_limit, "Address space of a worker, e.g. 4G")
      ->type_name("BYTES");
  command
      .add_option("--reference-limit", options.reference_limit_flops,
                  "The engine 'reference' refuses models above this many FLOP a call")
      ->capture_default_str();
}

ResolvedPlan resolve(const BenchOptions& options) {
  ResolvedPlan plan;
  plan.manifests = bench::find_engines(bench::engine_search_path());
  plan.engines = choose_engines(options, plan.manifests);
  plan.baseline = options.baseline.empty() ? plan.engines.front().label : options.baseline;
  if (std::ranges::find(plan.engines, plan.baseline, &bench::EngineChoice::label) ==
      plan.engines.end()) {
    throw Error(fmt::format("the baseline '{}' is not among the engines", plan.baseline),
                "ratios are formed against it", "name one of --engine, with its options");
  }

  const int cores = bench::describe_machine().usable_cores;
  const bool throughput = options.scenario == "throughput";
  const std::vector<int> batches = options.batches.empty()
                                       ? std::vector<int>{}
                                       : bench::parse_axis("--batch", options.batches, 0);
  onnx::DimensionBindings dimensions;
  for (const std::string& text : options.dimensions)
    dimensions.insert(bench::parse_dimension(text));
  const std::vector<bench::Axes> axes =
      bench::cross(batches.empty() ? std::vector<std::int64_t>{0}
                                   : std::vector<std::int64_t>(batches.begin(), batches.end()),
                   bench::parse_axis("--threads", options.threads, cores),
                   bench::parse_axis("--streams", options.streams, cores), split(options.devices));
  if (axes.empty()) {
    throw Error("--batch, --threads, --streams or --device is empty", "nothing would be run",
                "give at least one value, or leave the option out");
  }
  for (const std::string& model : bench::expand_models(options.models)) {
    for (const bench::Axes& point : axes) {
      ResolvedPlan::Entry entry{.request = {.selector = model, .dimensions = dimensions},
                                .axes = point};
      if (point.batch > 0) entry.request.batch = point.batch;
      if (point.batch == 0 && throughput && bench::has_free_batch(model)) {
        entry.request.batch = throughput_batch;
      }
      plan.entries.push_back(std::move(entry));
    }
  }

  plan.inputs.seed = options.seed;
  for (const std::string& text : options.input_ranges) {
    plan.inputs.ranges.insert(bench::parse_input_range(text));
  }
  plan.inputs.files.assign(options.inputs.begin(), options.inputs.end());
  plan.inputs.expected.assign(options.expected.begin(), options.expected.end());
  if (!plan.inputs.expected.empty() && plan.inputs.files.empty()) {
    throw Error("--expected without --input", "expected outputs belong to known inputs",
                "give the inputs as well");
  }

  plan.settings.timeout_s = options.timeout_s;
  plan.settings.memory_limit = parse_bytes(options.memory_limit);
  plan.settings.reference_limit_flops = options.reference_limit_flops;
  ContentHash fingerprint;
  for (const std::string& text : options.models) add_file(fingerprint, text);
  for (const bench::EngineChoice& engine : plan.engines) fingerprint.add(engine.label);
  for (const ResolvedPlan::Entry& entry : plan.entries) fingerprint.add(key_of(entry));
  for (const auto* list : {&options.dimensions, &options.input_ranges}) {
    fingerprint.add(fmt::format("{}", fmt::join(*list, " ")));
  }
  for (const auto* files : {&options.inputs, &options.expected}) {
    fingerprint.add(fmt::to_string(files->size()));
    for (const std::string& text : *files) add_file(fingerprint, text);
  }
  fingerprint.add(fmt::format("{} {} {}", options.seed, plan.baseline, version()));
  plan.fingerprint = fingerprint.hex();
  return plan;
}

bench::RunResult run_plan(const ResolvedPlan& plan, const BenchOptions& options,
                          const Context& context,
                          const std::function<void(const bench::ComparisonResult&)>& show) {
  const auto started = std::chrono::steady_clock::now();
  const auto passed_s = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  };
  ConsoleProgress progress;
  const TemporaryDirectory folder("moliere-models");
  bench::RunResult result{.moliere_version = std::string(version()),
                          .commit = std::string(commit()),
                          .command = context.command_line,
                          .started = now_utc(),
                          .baseline = plan.baseline,
                          .machine = bench::describe_machine()};
  check_outputs(options);
  std::optional<bench::Journal> journal;
  if (!options.output.empty()) {
    journal.emplace(options.output + ".journal", plan.fingerprint, options.resume);
  }
  std::map<int, bench::Roofline> rooflines;
  double measured_s = 0;
  for (std::size_t i = 0; i < plan.entries.size() && !context.stop->load(); ++i) {
    const ResolvedPlan::Entry& entry = plan.entries[i];
    progress.part(i, plan.entries.size(), entry.request.selector);
    if (journal) {
      if (auto finished = journal->find(key_of(entry))) {
        progress.clear();
        show(*finished);
        result.comparisons.push_back(*std::move(finished));
        continue;
      }
    }
    bench::ComparisonResult comparison;
    try {
      const bench::ModelCase model = bench::make_case(entry.request, folder.path());
      const bench::CaseInputs inputs =
          bench::make_inputs(model, plan.inputs, {}, cache_directory(), progress);
      const int all_threads = entry.axes.threads * entry.axes.streams;
      auto roofline = rooflines.find(all_threads);
      if (roofline == rooflines.end()) {
        roofline =
            rooflines
                .emplace(all_threads, bench::cached_roofline(cache_directory(), all_threads,
                                                             options.refresh_roofline, progress))
                .first;
      }
      bench::RunnerSettings settings = plan.settings;
      // What earlier comparisons did not need goes to the later ones.
      settings.budget_s = options.budget_s ? std::max(*options.budget_s - measured_s, 0.0) /
                                                 static_cast<double>(plan.entries.size() - i)
                                           : default_budget_s;
      const bench::ComparisonRunner runner(plan.manifests, settings, cache_directory(),
                                           context.stop);
      comparison = runner.run(model, inputs, entry.axes, plan.engines, plan.baseline,
                              describe(model, entry.axes, roofline->second), progress);
    } catch (const Error& error) {
      // One bad model of many is a line of the table; a single one is the user's mistake.
      if (plan.entries.size() == 1) {
        if (journal) journal->remove();  // nothing is in it
        throw;
      }
      comparison = not_runnable(entry, error.what());
    }
    measured_s += comparison.seconds;
    progress.clear();
    // What the user has seen is what --resume finds.
    const bool complete = comparison.stopped_by != "interrupted";
    if (journal && complete) journal->append(key_of(entry), comparison);
    show(comparison);
    result.comparisons.push_back(std::move(comparison));
  }
  for (auto& [threads, roofline] : rooflines) result.rooflines.push_back(std::move(roofline));
  result.interrupted = context.stop->load();
  result.seconds = passed_s();
  if (!options.output.empty()) {
    bench::write_result(options.output, result);
    if (!result.interrupted) journal->remove();
  }
  return result;
}

}  // namespace moliere::app
