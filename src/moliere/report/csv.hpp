// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/result.hpp"

#include <string>

namespace moliere::report {

/// One line a row of the run, RFC 4180 (comma, quotes doubled, CRLF not used), with a heading. The
/// columns are described in docs/formats/result.md; a figure that does not exist is empty.
std::string to_csv(const bench::RunResult& result);

}  // namespace moliere::report
