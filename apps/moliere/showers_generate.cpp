// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/shower_copy.hpp"
#include "moliere/calo/shower_file.hpp"
#include "moliere/calo/shower_generation.hpp"
#include "moliere/calo/shower_model.hpp"
#include "moliere/core/version.hpp"

#include <memory>

#include "outputs.hpp"
#include "showers_commands.hpp"
#include "stoppable.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::app {
namespace {

struct GenerateCommand {
  std::string geometry;
  std::string output;
  std::string energies = "1000:100000";
  std::string material;  ///< empty: the geometry's own
  calo::GenerationOptions options;
  int compression = 4;
};

/// What the file says about itself. The range stands in the history, which `merge` joins: parts of
/// one production differ in nothing else.
calo::Attributes describe(const calo::ShowerModel& model, const calo::EnergySpectrum& spectrum,
                          const calo::GenerationOptions& options) {
  const calo::Medium& medium = model.medium();
  const calo::Geometry& geometry = model.geometry();
  calo::Attributes notes;
  notes["simulation"] =
      "parametrised electromagnetic showers after Grindhammer and Peters, hep-ex/0001020 (not a "
      "full simulation)";
  notes["moliere_version"] = fmt::format("{} ({})", version(), commit());
  notes["geometry"] = geometry.name();
  notes["particle"] = geometry.particle() == "photon" ? "photon" : "electron";
  notes["energies"] = spectrum.description();
  notes["seed"] = fmt::to_string(options.seed);
  notes["material"] = fmt::format(
      "{}: Z {:.2f}, A {:.2f}, X0 {:.3f} mm, critical energy {:.2f} MeV, Moliere radius {:.2f} mm",
      medium.material.name, medium.material.atomic_number, medium.material.atomic_mass,
      medium.material.radiation_length, medium.material.critical_energy,
      medium.material.moliere_radius);
  notes["sampling"] = fmt::format(
      "frequency {:.3f}, e/mip {:.3f}, fluctuation {:.3g} / sqrt(E / GeV), response {:.4g} at 10 "
      "GeV",
      medium.sampling.frequency, medium.sampling.e_over_mip, medium.sampling.fluctuation,
      medium.sampling.response);
  notes["scale"] =
      fmt::format("voxels below {:.6g} MeV set to 0; all mantissa bits", geometry.threshold());
  notes["units"] = "MeV";
  calo::add_history(notes, fmt::format("showers {}:{} of seed {} (moliere {})", options.first,
                                       options.first + static_cast<std::uint64_t>(options.count),
                                       options.seed, version()));
  return notes;
}

void write_showers(const GenerateCommand& command, Progress& progress) {
  require_other_file(command.output, {});
  Outputs outputs;
  outputs.will_write(command.output);
  const calo::Geometry geometry = calo::find_geometry(command.geometry);
  const std::string medium = command.material.empty()
                                 ? std::string(calo::default_medium_name(geometry))
                                 : command.material;
  const calo::ShowerModel model(geometry, medium);
  const calo::EnergySpectrum spectrum = calo::EnergySpectrum::parse(command.energies);
  calo::ShowerWriter::Options write;
  write.compression = command.compression;
  calo::ShowerWriter writer(command.output, geometry.voxel_count(),
                            describe(model, spectrum, command.options), write);
  calo::generate_showers(model, spectrum, command.options, progress,
                         [&writer](const calo::ShowerBatch& batch) { writer.append(batch); });
  writer.finish();
  outputs.keep();
}

void run_generate(const GenerateCommand& command, Context& context) {
  run_stoppable(context, [&](StoppableProgress& progress) {
    write_showers(command, progress);
    progress.clear();
    fmt::print("{}: {} showers\n", command.output, command.options.count);
  });
}

}  // namespace

void add_showers_generate(CLI::App& showers, Context& context) {
  CLI::App& command = *showers.add_subcommand(
      "generate", "Makes electromagnetic showers with a fast parametrised model (no simulation)");
  const auto options = std::make_shared<GenerateCommand>();
  command
      .add_option("-g,--geometry", options->geometry,
                  "ds1-photons, ds1-pions, ds2, ds3, or a binning file (FILE.xml, "
                  "FILE.xml:PARTICLE)")
      ->required()
      ->type_name("GEOMETRY");
  command.add_option("-o,--output", options->output, "Where to")->required()->type_name("OUT.h5");
  command.add_option("-n,--number", options->options.count, "How many showers")
      ->required()
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--energies", options->energies,
                  "Incident energies: 1000:100000 (log-uniform), 256,512 (equally likely) or 5000")
      ->type_name("MEV")
      ->capture_default_str();
  command
      .add_option("--material", options->material,
                  fmt::format("What the showers develop in: {} (default: the geometry's own)",
                              fmt::join(calo::builtin_medium_names(), ", ")))
      ->check(CLI::IsMember(calo::builtin_medium_names()));
  command.add_option("--seed", options->options.seed, "Names the sequence of showers")
      ->capture_default_str();
  command
      .add_option("--first", options->options.first,
                  "Number of the first shower in the sequence: parts make up the whole")
      ->capture_default_str();
  command
      .add_option("--threads", options->options.threads,
                  "Threads, 0: all; the showers are the same for any number")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--compression", options->compression, "Deflate, 0 (none) to 9 (smallest)")
      ->check(CLI::Range(0, 9))
      ->capture_default_str();
  command.callback([options, &context] { run_generate(*options, context); });
}

}  // namespace moliere::app
