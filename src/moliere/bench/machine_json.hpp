// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/doctor.hpp"
#include "moliere/bench/machine.hpp"
#include "moliere/bench/roofline.hpp"
#include "moliere/bench/telemetry.hpp"
#include "moliere/core/json.hpp"

/// The machine's part of a result file (docs/formats/result.md). Names carry their units; what is
/// not known is null. The readers throw Json::exception for what is missing or of a wrong type.
namespace moliere::bench {

Json to_json(const Machine& machine);
Json to_json(const Telemetry& telemetry);
Json to_json(const TelemetryDelta& delta);
Json to_json(const Roofline& roofline);
Json to_json(const Finding& finding);

Machine machine_from_json(const Json& json);
Telemetry telemetry_from_json(const Json& json);
TelemetryDelta telemetry_delta_from_json(const Json& json);
Roofline roofline_from_json(const Json& json);

}  // namespace moliere::bench
