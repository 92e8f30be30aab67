// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/geometry.hpp"
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/file.hpp"
#include "moliere/judge/sample_page.hpp"
#include "moliere/page/render.hpp"

#include <memory>

#include "outputs.hpp"
#include "showers_commands.hpp"
#include "stoppable.hpp"
#include <fmt/format.h>

namespace moliere::app {
namespace {

struct PlotCommand {
  std::string file;
  std::string geometry;
  std::string output;
  std::vector<std::int64_t> rows;
};

void run_plot(const PlotCommand& command, Context& context) {
  const calo::Geometry geometry = calo::find_geometry(command.geometry);
  const calo::ShowerReader reader(command.file, geometry.voxel_count());
  require_other_file(command.output, {command.file});
  run_stoppable(context, [&](StoppableProgress& progress) {
    Outputs outputs;
    outputs.will_write(command.output);
    const judge::SampleView view = judge::view_sample(reader, geometry, command.rows, progress);
    progress.clear();
    write_atomically(command.output, page::render(judge::sample_page(view, geometry)));
    outputs.keep();
    fmt::print("page: {}\n", command.output);
  });
}

}  // namespace

void add_showers_plot(CLI::App& showers, Context& context) {
  CLI::App& command = *showers.add_subcommand(
      "plot", "Draws a file of showers as a page: mean and single showers, profiles, histograms");
  const auto options = std::make_shared<PlotCommand>();
  command.add_option("file", options->file, "File of showers")->required()->type_name("FILE.h5");
  command
      .add_option("-g,--geometry", options->geometry,
                  "ds1-photons, ds1-pions, ds2, ds3, or a binning file (FILE.xml, "
                  "FILE.xml:PARTICLE)")
      ->required()
      ->type_name("GEOMETRY");
  command.add_option("-o,--output", options->output, "Where to")->required()->type_name("OUT.html");
  command
      .add_option(
          "--rows", options->rows,
          "Showers to be drawn one by one, comma list, from 0 [of the least, the middle and "
          "the largest energy]")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber);
  command.callback([options, &context] { run_plot(*options, context); });
}

}  // namespace moliere::app
