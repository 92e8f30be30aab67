// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/shower_copy.hpp"
#include "moliere/calo/shower_file.hpp"
#include "moliere/calo/validate.hpp"
#include "moliere/core/error.hpp"
#include "moliere/core/json.hpp"
#include "moliere/core/version.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <set>

#include "commands.hpp"
#include "outputs.hpp"
#include "showers_commands.hpp"
#include "stoppable.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::app {
namespace {
namespace fs = std::filesystem;
using calo::ShowerReader;
using calo::ShowerWriter;

/// How files are written; shared by all commands that write one.
struct WriteOptions {
  int compression = 4;
  int mantissa_bits = 23;
  std::string precision = "float32";

  ShowerWriter::Options writer() const {
    ShowerWriter::Options options;
    options.compression = compression;
    options.mantissa_bits = mantissa_bits;
    if (precision == "float64") options.precision = calo::Precision::float64;
    return options;
  }
};

void add_compression(CLI::App& command, WriteOptions& options) {
  command.add_option("--compression", options.compression, "Deflate, 0 (none) to 9 (smallest)")
      ->check(CLI::Range(0, 9))
      ->capture_default_str();
}

CLI::Option* add_geometry(CLI::App& command, std::string& geometry) {
  return command
      .add_option("-g,--geometry", geometry,
                  "ds1-photons, ds1-pions, ds2, ds3, or a binning file (FILE.xml, "
                  "FILE.xml:PARTICLE)")
      ->type_name("GEOMETRY");
}

CLI::Option* add_input(CLI::App& command, std::string& file) {
  return command.add_option("file", file, "File of showers")->required()->type_name("FILE.h5");
}

std::string name_of(const ShowerReader& reader) { return reader.file().filename().string(); }

/// The notes of `reader` and how the new file comes from it.
calo::Attributes notes_with_history(const ShowerReader& reader, std::string_view what) {
  calo::Attributes attributes = reader.attributes();
  calo::add_history(attributes, fmt::format("{} (moliere {})", what, version()));
  return attributes;
}

/// At most this many incident energies count as discrete and are listed.
constexpr std::size_t most_listed_energies = 16;

struct FileInfo {
  std::int64_t showers = 0;
  int voxels = 0;
  std::string precision;
  std::uintmax_t bytes = 0;
  std::vector<std::string> fitting;  ///< built-in geometries of that width
  float least = 0;                   ///< incident energies [MeV]
  float largest = 0;
  std::vector<float> energies;  ///< all of them where they are few
  calo::Attributes attributes;
};

FileInfo look_at(const ShowerReader& reader) {
  FileInfo info;
  info.showers = reader.size();
  info.voxels = reader.voxels();
  info.precision = reader.precision() == calo::Precision::float64 ? "float64" : "float32";
  info.bytes = fs::file_size(reader.file());
  for (const std::string& name : calo::builtin_geometry_names()) {
    if (calo::builtin_geometry(name).voxel_count() == info.voxels) info.fitting.push_back(name);
  }
  std::set<float> distinct;
  info.least = std::numeric_limits<float>::infinity();
  for (const float energy : reader.incident_energies()) {
    info.least = std::min(info.least, energy);
    info.largest = std::max(info.largest, energy);
    if (distinct.size() <= most_listed_energies) distinct.insert(energy);
  }
  if (distinct.size() <= most_listed_energies) {
    info.energies.assign(distinct.begin(), distinct.end());
  }
  info.attributes = reader.attributes();
  return info;
}

Json to_json(const FileInfo& info) {
  Json json;
  json["showers"] = info.showers;
  json["voxels"] = info.voxels;
  json["precision"] = info.precision;
  json["bytes"] = info.bytes;
  json["geometries"] = info.fitting;
  if (info.showers > 0) {
    json["incident_energy_MeV"] = {{"least", info.least}, {"largest", info.largest}};
    if (!info.energies.empty()) json["incident_energy_MeV"]["values"] = info.energies;
  }
  json["attributes"] = info.attributes;
  return json;
}

void print_info(const FileInfo& info) {
  fmt::print("{:<18} {}\n", "showers", info.showers);
  fmt::print("{:<18} {}{}\n", "voxels", info.voxels,
             info.fitting.empty() ? "" : fmt::format(" (as {})", fmt::join(info.fitting, ", ")));
  fmt::print("{:<18} {}, {:.1f} MB on the disk\n", "stored as", info.precision,
             static_cast<double>(info.bytes) / 1e6);
  if (info.showers > 0) {
    fmt::print("{:<18} {} to {} MeV\n", "incident energies", info.least, info.largest);
    if (!info.energies.empty()) {
      fmt::print("{:<18} {}\n", "", fmt::join(info.energies, ", "));
    }
  }
  for (const auto& [name, value] : info.attributes) fmt::print("{:<18} {}\n", name, value);
}

void add_info(CLI::App& showers, Context&) {
  struct Options {
    std::string file;
    bool json = false;
  };
  CLI::App& command =
      *showers.add_subcommand("info", "Showers, voxels, incident energies and notes of a file");
  const auto options = std::make_shared<Options>();
  add_input(command, options->file);
  command.add_flag("--json", options->json, "JSON instead of a table");
  command.callback([options] {
    const FileInfo info = look_at(ShowerReader(options->file));
    if (options->json) {
      fmt::print("{}\n", to_json(info).dump(1));
    } else {
      print_info(info);
    }
  });
}

struct ValidateCommand {
  std::string file;
  std::string geometry;
  calo::ValidateOptions options;
  bool json = false;
};

std::string meaning(calo::Check check, const calo::Geometry& geometry, double factor) {
  switch (check) {
    case calo::Check::not_a_number:
      return "voxels that are NaN";
    case calo::Check::infinite:
      return "voxels that are infinite";
    case calo::Check::negative:
      return "voxels below 0";
    case calo::Check::incident_energy:
      return "not a finite number above 0";
    case calo::Check::too_much_energy:
      return fmt::format("sum above {} times the incident energy", factor);
    case calo::Check::duplicated:
      return "equal to an earlier shower";
    case calo::Check::order:
      return "voxels in another order than layer, alpha, r";
    case calo::Check::below_threshold:
      return fmt::format("voxels below {:.4g} MeV (only a note)", geometry.threshold());
    case calo::Check::empty:
      break;
  }
  return "no voxel above 0 (only a note)";
}

std::string rows_of(const calo::Finding& finding) {
  std::vector<std::string> rows;
  for (std::size_t i = 0; i < finding.first_rows.size(); ++i) {
    rows.push_back(finding.first_equal.empty()
                       ? fmt::to_string(finding.first_rows[i])
                       : fmt::format("{} (= {})", finding.first_rows[i], finding.first_equal[i]));
  }
  if (!rows.empty() && static_cast<std::int64_t>(rows.size()) < finding.showers) {
    rows.emplace_back("...");
  }
  return fmt::format("{}", fmt::join(rows, ", "));
}

void print_report(const calo::ValidationReport& report, const calo::Geometry& geometry,
                  const calo::ValidateOptions& options) {
  fmt::print("{:<17} {:>9} {:>11}  {:<42} {}\n", "check", "showers", "voxels", "meaning",
             "first rows");
  for (const calo::Finding& finding : report.findings) {
    fmt::print("{:<17} {:>9} {:>11}  {:<42} {}\n", calo::to_string(finding.check), finding.showers,
               finding.voxels, meaning(finding.check, geometry, options.factor), rows_of(finding));
  }
  if (!report.order.judged) {
    fmt::print("the order was not judged: fewer than 20 showers have energy\n");
  } else if (report.order.suspicious) {
    fmt::print("the mean shower is even around the axis if the order is {}, not if it is {}\n",
               report.order.best, report.order.scores.front().order);
  }
  fmt::print("{} showers: {}\n", report.showers,
             report.passed() ? "no fault found" : "there are faults");
}

Json to_json(const calo::ValidationReport& report) {
  Json json;
  json["showers"] = report.showers;
  json["passed"] = report.passed();
  for (const calo::Finding& finding : report.findings) {
    Json entry;
    entry["check"] = calo::to_string(finding.check);
    entry["fault"] = calo::is_fault(finding.check);
    entry["showers"] = finding.showers;
    entry["voxels"] = finding.voxels;
    entry["first_rows"] = finding.first_rows;
    if (!finding.first_equal.empty()) entry["first_equal"] = finding.first_equal;
    json["findings"].push_back(entry);
  }
  json["order"]["judged"] = report.order.judged;
  json["order"]["best"] = report.order.best;
  for (const calo::OrderScore& score : report.order.scores) {
    json["order"]["unevenness"][score.order] = score.unevenness;
  }
  return json;
}

void run_validate(const ValidateCommand& command, Context& context) {
  const calo::Geometry geometry = calo::find_geometry(command.geometry);
  const ShowerReader reader(command.file, geometry.voxel_count());
  run_stoppable(context, [&](StoppableProgress& progress) {
    const calo::ValidationReport report =
        calo::validate(reader, geometry, command.options, progress);
    progress.clear();
    if (command.json) {
      fmt::print("{}\n", to_json(report).dump(1));
    } else {
      print_report(report, geometry, command.options);
    }
    if (!report.passed()) context.exit_code = some_rows_failed;
  });
}

void add_validate(CLI::App& showers, Context& context) {
  CLI::App& command = *showers.add_subcommand(
      "validate",
      "Looks for NaN, negative, infinite and impossible energies, duplicates and a wrong order of "
      "the voxels; exit code 1 when there are faults");
  const auto options = std::make_shared<ValidateCommand>();
  add_input(command, options->file);
  add_geometry(command, options->geometry)->required();
  command
      .add_option("--factor", options->options.factor,
                  "A shower may have this many times its incident energy")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--rows", options->options.rows_shown, "Row numbers shown of each fault")
      ->capture_default_str();
  command.add_flag("--json", options->json, "JSON instead of a table");
  command.callback([options, &context] { run_validate(*options, context); });
}

/// Copies keep what they find, so that bad rows can be cut out; but not in silence.
void warn_of_faults(std::int64_t faulty_showers, const fs::path& file) {
  if (faulty_showers == 0) return;
  fmt::print(stderr,
             "moliere: {}: {} showers hold energies that are negative or no finite numbers (they "
             "are copied as they are) `moliere showers validate` says which\n",
             file.string(), faulty_showers);
}

/// Writes one range of rows into a file of its own.
void write_rows(const ShowerReader& reader, calo::RowRange rows, double threshold,
                const fs::path& file, const calo::Attributes& attributes,
                const WriteOptions& options, StoppableProgress& progress) {
  ShowerWriter writer(file, reader.voxels(), attributes, options.writer());
  const std::int64_t faulty = calo::copy_showers(reader, rows, threshold, writer, progress);
  writer.finish();
  progress.clear();
  warn_of_faults(faulty, file);
}

void print_written(const fs::path& file, std::int64_t showers) {
  fmt::print("{}: {} showers\n", file.string(), showers);
}

/// The same where it is all that a command writes.
void write_only_file(const ShowerReader& reader, double threshold, const fs::path& file,
                     const calo::Attributes& attributes, const WriteOptions& options,
                     Context& context) {
  require_other_file(file, {reader.file().string()});
  run_stoppable(context, [&](StoppableProgress& progress) {
    Outputs outputs;
    outputs.will_write(file);
    write_rows(reader, {0, reader.size()}, threshold, file, attributes, options, progress);
    outputs.keep();
    print_written(file, reader.size());
  });
}

struct ConvertCommand {
  std::string file;
  std::string output;
  std::string geometry;
  WriteOptions write;
};

void run_convert(const ConvertCommand& command, Context& context) {
  std::optional<calo::Geometry> geometry;
  if (!command.geometry.empty()) geometry = calo::find_geometry(command.geometry);
  const ShowerReader reader(command.file, geometry ? geometry->voxel_count() : 0);
  calo::Attributes notes =
      notes_with_history(reader, fmt::format("converted from {}", name_of(reader)));
  if (geometry) notes.try_emplace("geometry", geometry->name());
  if (command.write.mantissa_bits < 23) {
    calo::add_history(notes,
                      fmt::format("mantissas rounded to {} bits", command.write.mantissa_bits));
  }
  write_only_file(reader, 0, command.output, notes, command.write, context);
}

void add_convert(CLI::App& showers, Context& context) {
  CLI::App& command = *showers.add_subcommand(
      "convert", "Writes showers of any readable layout as (N, voxels), compressed as wished");
  const auto options = std::make_shared<ConvertCommand>();
  add_input(command, options->file);
  command.add_option("output", options->output, "Where to")->required()->type_name("OUT.h5");
  add_geometry(command, options->geometry);
  command
      .add_option("--precision", options->write.precision,
                  "Type in the file; values have float32's precision in both")
      ->check(CLI::IsMember({"float32", "float64"}))
      ->capture_default_str();
  add_compression(command, options->write);
  command
      .add_option(
          "--mantissa-bits", options->write.mantissa_bits,
          "Rounds voxels to this many bits of mantissa: fewer compress better, 11 err by 1/4096")
      ->check(CLI::Range(1, 23))
      ->capture_default_str();
  command.callback([options, &context] { run_convert(*options, context); });
}

struct SplitCommand {
  std::string file;
  std::string prefix;
  std::string rows;
  std::int64_t parts = 0;
  WriteOptions write;
};

/// "a" and "a.h5" both name a.h5.
std::string with_extension(const std::string& name) {
  return name.ends_with(".h5") || name.ends_with(".hdf5") ? name : name + ".h5";
}

void run_split(const SplitCommand& command, Context& context) {
  const ShowerReader reader(command.file);
  std::vector<calo::RowRange> ranges;
  std::vector<std::string> files;
  if (command.parts > 0) {
    ranges = calo::split_rows(reader.size(), command.parts);
    for (std::size_t i = 1; i <= ranges.size(); ++i) {
      files.push_back(fmt::format("{}{}.h5", command.prefix, i));
    }
  } else {
    ranges = {calo::parse_rows(command.rows, reader.size())};
    files = {with_extension(command.prefix)};
  }
  for (const std::string& file : files) require_other_file(file, {command.file});
  run_stoppable(context, [&](StoppableProgress& progress) {
    Outputs outputs;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const calo::Attributes notes = notes_with_history(
          reader, fmt::format("rows {}:{} of {}", ranges[i].first, ranges[i].end, name_of(reader)));
      progress.part(i, ranges.size(), files[i]);
      outputs.will_write(files[i]);
      write_rows(reader, ranges[i], 0, files[i], notes, command.write, progress);
      outputs.written(files[i]);
    }
    outputs.keep();
    for (std::size_t i = 0; i < files.size(); ++i) {
      print_written(files[i], ranges[i].end - ranges[i].first);
    }
  });
}

void add_split(CLI::App& showers, Context& context) {
  CLI::App& command = *showers.add_subcommand("split", "Cuts a file into parts, or rows out of it");
  const auto options = std::make_shared<SplitCommand>();
  add_input(command, options->file);
  CLI::Option_group& how = *command.add_option_group("how");
  how.add_option("--parts", options->parts, "Number of parts: PREFIX1.h5, PREFIX2.h5, ...")
      ->check(CLI::PositiveNumber);
  how.add_option("--rows", options->rows,
                 "First row and the one after the last, from 0; negative from the end")
      ->type_name("A:B");
  how.require_option(1);
  command
      .add_option("-o,--output", options->prefix, "Beginning of the names; with --rows the name")
      ->required()
      ->type_name("PREFIX");
  add_compression(command, options->write);
  command.callback([options, &context] { run_split(*options, context); });
}

struct MergeCommand {
  std::vector<std::string> files;
  std::string output;
  bool force = false;
  WriteOptions write;
};

calo::Attributes merged_notes(const std::vector<ShowerReader>& readers, bool force) {
  std::vector<calo::Attributes> notes;
  std::vector<std::string> names;
  for (const ShowerReader& reader : readers) {
    notes.push_back(reader.attributes());
    names.push_back(name_of(reader));
  }
  calo::MergedAttributes merged = calo::merge_attributes(notes);
  if (!merged.conflicts.empty() && !force) {
    throw Error("the files do not belong together",
                fmt::format("their notes differ: {}", fmt::join(merged.conflicts, "; ")),
                "merge files of one production, or use --force");
  }
  for (const std::string& conflict : merged.conflicts) {
    fmt::print(stderr, "moliere: the notes differ, {}\n", conflict);
  }
  for (const std::string& warning : merged.warnings) {
    fmt::print(stderr,
               "moliere: the parts were made by different versions, {} (showers are then "
               "reproducible within a tolerance only)\n",
               warning);
  }
  constexpr std::size_t most_named = 4;
  const std::string list =
      names.size() <= most_named
          ? fmt::format("{}", fmt::join(names, ", "))
          : fmt::format("{} ... {} ({} files)", names.front(), names.back(), names.size());
  calo::add_history(merged.attributes, fmt::format("merged from {} (moliere {})", list, version()));
  return merged.attributes;
}

void run_merge(const MergeCommand& command, Context& context) {
  std::vector<ShowerReader> readers;
  for (const std::string& file : command.files) {
    readers.emplace_back(file);
    if (readers.back().voxels() != readers.front().voxels()) {
      throw Error(fmt::format("{} has showers of {} voxels", file, readers.back().voxels()),
                  fmt::format("{} has {}", command.files.front(), readers.front().voxels()),
                  "merge files of one geometry");
    }
  }
  const calo::Attributes notes = merged_notes(readers, command.force);
  require_other_file(command.output, command.files);
  run_stoppable(context, [&](StoppableProgress& progress) {
    Outputs outputs;
    outputs.will_write(command.output);
    ShowerWriter writer(command.output, readers.front().voxels(), notes, command.write.writer());
    std::int64_t showers = 0;
    std::int64_t faulty = 0;
    for (std::size_t i = 0; i < readers.size(); ++i) {
      progress.part(i, readers.size(), name_of(readers[i]));
      faulty += calo::copy_showers(readers[i], {0, readers[i].size()}, 0, writer, progress);
      showers += readers[i].size();
    }
    writer.finish();
    outputs.keep();
    progress.clear();
    warn_of_faults(faulty, command.output);
    print_written(command.output, showers);
  });
}

void add_merge(CLI::App& showers, Context& context) {
  CLI::App& command = *showers.add_subcommand("merge", "Puts files together, in their order");
  const auto options = std::make_shared<MergeCommand>();
  command.add_option("files", options->files, "Files of one width and with equal notes")
      ->required()
      ->type_name("IN.h5");
  command.add_option("-o,--output", options->output, "Where to")->required()->type_name("OUT.h5");
  command.add_flag("--force", options->force, "Merges files whose notes differ all the same");
  add_compression(command, options->write);
  command.callback([options, &context] { run_merge(*options, context); });
}

struct ThresholdCommand {
  std::string file;
  std::string output;
  std::string geometry;
  std::optional<double> at;
  WriteOptions write;
};

void run_threshold(const ThresholdCommand& command, Context& context) {
  const calo::Geometry geometry = calo::find_geometry(command.geometry);
  const double threshold = command.at.value_or(geometry.threshold());
  if (!(threshold > 0)) {
    throw Error("there is no threshold to apply",
                fmt::format("the geometry {} states none", geometry.name()),
                "give one with --at MeV");
  }
  const ShowerReader reader(command.file, geometry.voxel_count());
  const calo::Attributes notes = notes_with_history(
      reader, fmt::format("voxels of {} below {:.6g} MeV set to 0", name_of(reader), threshold));
  write_only_file(reader, threshold, command.output, notes, command.write, context);
}

void add_threshold(CLI::App& showers, Context& context) {
  CLI::App& command =
      *showers.add_subcommand("threshold", "Sets voxels below the geometry's threshold to 0");
  const auto options = std::make_shared<ThresholdCommand>();
  add_input(command, options->file);
  command.add_option("output", options->output, "Where to")->required()->type_name("OUT.h5");
  add_geometry(command, options->geometry)->required();
  command.add_option("--at", options->at, "Another threshold than the geometry's")
      ->check(CLI::PositiveNumber)
      ->type_name("MEV");
  add_compression(command, options->write);
  command.callback([options, &context] { run_threshold(*options, context); });
}

}  // namespace

void add_showers(CLI::App& app, Context& context) {
  CLI::App& showers = *app.add_subcommand(
      "showers", "Looks into, checks, cuts, joins, makes and draws files of showers");
  showers.require_subcommand(1);
  add_info(showers, context);
  add_validate(showers, context);
  add_convert(showers, context);
  add_split(showers, context);
  add_merge(showers, context);
  add_threshold(showers, context);
  add_showers_generate(showers, context);
  add_showers_plot(showers, context);
}

}  // namespace moliere::app
