// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/model_case.hpp"
#include "moliere/core/json.hpp"

#include <string>

namespace moliere::report {

/// What `moliere models info` shows: inputs, outputs, parameters, operations, bytes, least memory;
/// with `per_node` a line a node. At most 100 columns.
std::string model_table(const bench::ModelCase& model, bool per_node);

/// The same as JSON (the keys are those of the table).
Json model_json(const bench::ModelCase& model, bool per_node);

}  // namespace moliere::report
