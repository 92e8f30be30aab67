// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"
#include "moliere/core/version.hpp"

#include <csignal>
#include <exception>
#include <new>

#include "commands.hpp"
#include <fmt/format.h>

int main(int argc, char** argv) {
  using namespace moliere;
  std::signal(SIGXFSZ, SIG_IGN);  // a file over the limit is an error, as a full disk is

  CLI::App cli("Molière: what is trained: classifiers that judge generated showers",
               "moliere-flow");
  cli.set_version_flag("--version", fmt::format("moliere-flow {} ({})", version(), commit()));
  cli.require_subcommand(1);
  cli.footer(
      "Exit codes: 0 success; 2 the command line or an input is wrong; 70 a bug of Molière; 130 "
      "interrupted.");
  cli.get_formatter()->column_width(34);
  app::add_classify(cli);
  app::add_reference(cli);

  try {
    cli.parse(argc, argv);
    return app::success;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return cli.exit(error);  // --help, --version
    fmt::print(stderr, "moliere-flow: {} (the command line does not fit) see {} --help\n",
               error.what(),
               cli.got_subcommand("classify") ? "moliere-flow classify" : "moliere-flow");
    return app::user_error;
  } catch (const Error& error) {
    fmt::print(stderr, "moliere-flow: {}\n", error.what());
    return app::user_error;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr,
               "moliere-flow: memory is short (all features are kept in it) use fewer showers, or "
               "the features high\n");
    return app::user_error;
  } catch (const std::exception& error) {
    fmt::print(stderr,
               "moliere-flow: internal error: {} (a bug) please report it with the command\n",
               error.what());
    return app::internal_error;
  }
}
