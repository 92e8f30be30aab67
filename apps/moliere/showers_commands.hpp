// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "commands.hpp"

/// Subcommands of `moliere showers` that have a file of their own.
namespace moliere::app {

void add_showers_generate(CLI::App& showers, Context& context);
void add_showers_plot(CLI::App& showers, Context& context);

}  // namespace moliere::app
