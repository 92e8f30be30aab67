// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/result.hpp"

#include <string>

/// In: RunResult -> Out: text of at most 100 columns.
namespace moliere::report {

/// No line of any table is longer than this.
constexpr std::size_t table_width = 100;

/// One comparison: a heading with what was held fixed and the machine's limit, a row an engine.
std::string comparison_table(const bench::ComparisonResult& result);

/// What follows the tables: how many rows were verified, wrong, failed; the machine's noise; the
/// meaning of the columns.
std::string run_summary(const bench::RunResult& result);

/// One row for each engine and case with the outcome of the check alone.
std::string verification_table(const bench::RunResult& result);

/// "x1.03 slower", "x0.98 same", "x1.01 undecided".
std::string verdict_text(const bench::Pair& pair);

/// The roofline and the machine in a few lines.
std::string machine_summary(const bench::RunResult& result);

}  // namespace moliere::report
