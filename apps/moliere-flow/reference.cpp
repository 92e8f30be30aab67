// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"
#include <fmt/format.h>

namespace moliere::app {
namespace {

/// App::help() would tell of the subcommand that is running.
std::string help_of(const CLI::App& command, const std::string& name) {
  return command.get_formatter()->make_help(&command, name, CLI::AppFormatMode::Normal);
}

/// The help texts, one section a subcommand.
std::string reference_page(const CLI::App& root) {
  std::string page =
      "# Command line of moliere-flow\n\n"
      "Made by `moliere-flow reference` from the program itself; `scripts/check-cli-docs` holds it "
      "to it. The program is built where LibTorch is (`scripts/setup --all`). What its figures "
      "mean: [evaluation.md](evaluation.md); its JSON: [classify.md](formats/classify.md).\n\n"
      "```text\n" +
      help_of(root, "moliere-flow") + "```\n";
  for (const CLI::App* command : root.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;  // hidden
    const std::string name = "moliere-flow " + command->get_name();
    page += fmt::format("\n## {}\n\n```text\n{}```\n", name, help_of(*command, name));
  }
  return page;
}

}  // namespace

void add_reference(CLI::App& app) {
  CLI::App& reference = *app.add_subcommand("reference", "Prints docs/cli-flow.md");
  reference.group("");  // for the project itself
  reference.callback([&app] { fmt::print("{}", reference_page(app)); });
}

}  // namespace moliere::app
