// SPDX-License-Identifier: Apache-2.0
#include "moliere/zoo/zoo.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>

#include "commands.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::app {
namespace {

/// "bench", "models info", ... with their options, depth first.
template <class Visit>
void for_each_command(const CLI::App& app, const std::string& path, Visit&& visit) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;  // hidden
    if (command->get_name().empty()) continue;   // a group of options
    const std::string name = path.empty() ? command->get_name() : path + " " + command->get_name();
    visit(name, *command);
    for_each_command(*command, name, visit);
  }
}

std::vector<std::string> long_options(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::vector<std::string> words_of(const CLI::App& command) {
  std::vector<std::string> words = long_options(command);
  for (const CLI::App* child : command.get_subcommands([](const CLI::App*) { return true; })) {
    if (child->get_group().empty()) continue;
    if (child->get_name().empty()) {  // a group of the command's own options
      std::ranges::copy(long_options(*child), std::back_inserter(words));
    } else {
      words.push_back(child->get_name());
    }
  }
  return words;
}

/// One function for bash; zsh loads it through bashcompinit.
std::string bash_script(const CLI::App& root) {
  std::string cases = fmt::format("    '') words='{}' ;;\n", fmt::join(words_of(root), " "));
  std::set<std::string> names;
  for_each_command(root, "", [&](const std::string& name, const CLI::App& command) {
    names.insert(command.get_name());
    std::vector<std::string> words = words_of(command);
    const CLI::Option* model = command.get_option_no_throw("model");
    if (model != nullptr) {
      for (const zoo::Entry& entry : zoo::entries()) words.push_back(entry.name);
      for (const char* set : {"@all", "@quick", "@rootbench"}) words.emplace_back(set);
    }
    cases += fmt::format("    '{}') words='{}' ;;\n", name, fmt::join(words, " "));
  });
  return "_moliere() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} command='' words='' i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case ${COMP_WORDS[i]} in\n"
         "      " +
         fmt::format("{}", fmt::join(names, "|")) +
         ")\n"
         "        command=\"${command:+$command }${COMP_WORDS[i]}\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case $command in\n" +
         cases +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\"; compgen -f -- "
         "\"$current\")\n"
         "}\n"
         "complete -o filenames -F _moliere moliere\n";
}

std::string fish_script(const CLI::App& root) {
  std::string script = "complete -c moliere -f\n";
  for_each_command(root, "", [&](const std::string& name, const CLI::App& command) {
    const std::size_t space = name.rfind(' ');
    const std::string parent = space == std::string::npos ? "" : name.substr(0, space);
    const std::string condition = parent.empty()
                                      ? "__fish_use_subcommand"
                                      : fmt::format("__fish_seen_subcommand_from {}", parent);
    script += fmt::format("complete -c moliere -n '{}' -a {} -d '{}'\n", condition,
                          command.get_name(), command.get_description());
    for (const std::string& option : long_options(command)) {
      script += fmt::format("complete -c moliere -n '__fish_seen_subcommand_from {}' -l {}\n",
                            command.get_name(), option.substr(2));
    }
  });
  return script;
}

std::string script_for(const CLI::App& root, const std::string& shell) {
  if (shell == "fish") return fish_script(root);
  const std::string bash = bash_script(root);
  return shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" + bash : bash;
}

/// App::help() would tell of the subcommand that is running.
std::string help_of(const CLI::App& command, const std::string& name) {
  return command.get_formatter()->make_help(&command, name, CLI::AppFormatMode::Normal);
}

/// docs/cli.md: the help texts, one section a subcommand.
std::string reference_page(const CLI::App& root) {
  std::string page =
      "# Command line\n\n"
      "Made by `moliere reference` from the program itself; `scripts/check-cli-docs` holds it to "
      "it. "
      "What the figures mean: [measuring.md](measuring.md).\n\n"
      "```text\n" +
      help_of(root, "moliere") + "```\n";
  for_each_command(root, "", [&](const std::string& name, const CLI::App& command) {
    page += fmt::format("\n## moliere {}\n\n```text\n{}```\n", name,
                        help_of(command, "moliere " + name));
  });
  return page;
}

}  // namespace

void add_completion(CLI::App& app, Context&) {
  CLI::App& completion = *app.add_subcommand(
      "completion", "Prints a completion script: source <(moliere completion bash)");
  const auto shell = std::make_shared<std::string>();
  completion.add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("SHELL");
  completion.callback([&app, shell] { fmt::print("{}", script_for(app, *shell)); });

  CLI::App& reference = *app.add_subcommand("reference", "Prints docs/cli.md");
  reference.group("");  // hidden: for the project itself
  reference.callback([&app] { fmt::print("{}", reference_page(app)); });
}

}  // namespace moliere::app
