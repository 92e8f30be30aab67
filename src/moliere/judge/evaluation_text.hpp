// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/json.hpp"
#include "moliere/judge/evaluation.hpp"

#include <string>

namespace moliere::judge {

/// The console's table, at most 100 columns wide; FPD and KPD times 1000, as in published tables.
std::string evaluation_table(const Evaluation& evaluation);

/// docs/formats/evaluation.md; numbers that do not exist are null.
Json evaluation_json(const Evaluation& evaluation, const calo::Geometry& geometry);

}  // namespace moliere::judge
