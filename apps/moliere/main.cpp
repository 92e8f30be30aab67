// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"
#include "moliere/core/version.hpp"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>

#include "commands.hpp"
#include <fmt/format.h>

namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "it is written by a signal handler");

extern "C" void request_stop(int signal) {
  if (stop_requested.exchange(true)) std::_Exit(128 + signal);
}

const char* const footer =
    "Exit codes: 0 success; 1 some rows have no figure or a wrong output, or showers have faults;\n"
    "2 the command line or an input is wrong; 3 compare found something slower; 70 a bug of "
    "Molière;\n"
    "130 interrupted.\n"
    "Documentation: README.md, docs/measuring.md, docs/cli.md";

/// In the form of all our errors, instead of CLI11's two lines.
std::string usage_error(const CLI::App& cli, const CLI::ParseError& error, int argc, char** argv) {
  std::string command = "moliere";
  const CLI::App* at = &cli;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  const bool unknown = at == &cli && argc > 1 && argv[1][0] != '-';
  const std::string problem =
      unknown ? fmt::format("'{}' is no subcommand", argv[1]) : std::string(error.what());
  return fmt::format("{} (the command line does not fit) see {} --help", problem, command);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace moliere;
  std::signal(SIGPIPE, SIG_IGN);  // a worker that died is a row, not our end
  std::signal(SIGXFSZ, SIG_IGN);  // a file over the limit is an error, as a full disk is
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);

  app::Context context{.command_line = {argv, argv + argc}, .stop = &stop_requested};
  CLI::App cli("Molière: run ONNX models under inference engines, verified and measured",
               "moliere");
  cli.set_version_flag("--version", fmt::format("moliere {} ({})", version(), commit()));
  cli.require_subcommand(1);
  cli.footer(footer);
  cli.get_formatter()->column_width(34);
  app::add_bench(cli, context);
  app::add_verify(cli, context);
  app::add_compare(cli, context);
  app::add_models(cli, context);
  app::add_engines(cli, context);
  app::add_doctor(cli, context);
  app::add_showers(cli, context);
  app::add_evaluate(cli, context);
  app::add_completion(cli, context);

  try {
    cli.parse(argc, argv);
    return context.exit_code;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return cli.exit(error);  // --help, --version
    fmt::print(stderr, "moliere: {}\n", usage_error(cli, error, argc, argv));
    return app::user_error;
  } catch (const Error& error) {
    fmt::print(stderr, "moliere: {}\n", error.what());
    return app::user_error;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr,
               "moliere: memory is short (the model or its reference needs more than there "
               "is) use a smaller batch\n");
    return app::user_error;
  } catch (const std::exception& error) {
    fmt::print(stderr, "moliere: internal error: {} (a bug) please report it with the command\n",
               error.what());
    return app::internal_error;
  }
}
