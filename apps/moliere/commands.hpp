// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

/// The subcommands of `moliere`, one file each. Each adds its options to the command line and runs
/// through a callback that sets the exit code.
namespace moliere::app {

/// Exit codes, the same for all subcommands; `moliere --help` lists them.
enum ExitCode : int {
  success = 0,
  /// A figure could not be had or an output is wrong: the table says which. `showers validate`: the
  /// file has faults.
  some_rows_failed = 1,
  /// The command line or an input file is wrong; nothing was done.
  user_error = 2,
  /// `compare`: at least one row became slower.
  slower = 3,
  /// A bug of ours.
  internal_error = 70,
  /// Ctrl-C; what was measured is kept.
  interrupted = 130,
};

/// What the subcommands share.
struct Context {
  std::vector<std::string> command_line;
  /// Turns true at the first Ctrl-C or SIGTERM; the second one ends the program at once.
  std::atomic<bool>* stop = nullptr;
  int exit_code = success;
};

/// Accepts numbers above 0. (CLI11's own says the largest double in 309 digits.)
inline CLI::Validator positive() {
  return {[](const std::string& text) {
            double value = 0;
            const bool number = CLI::detail::lexical_cast(text, value);
            return number && value > 0 ? std::string() : text + " is no number above 0";
          },
          "POSITIVE"};
}

void add_bench(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_compare(CLI::App& app, Context& context);
void add_models(CLI::App& app, Context& context);
void add_engines(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_showers(CLI::App& app, Context& context);
void add_evaluate(CLI::App& app, Context& context);
/// `completion SHELL`, and the hidden `reference`, which writes docs/cli.md.
void add_completion(CLI::App& app, Context& context);

}  // namespace moliere::app
