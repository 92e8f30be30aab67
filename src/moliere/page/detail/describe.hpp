// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/page/page.hpp"

#include <string>

namespace moliere::page::detail {

// What a screen reader says in place of the drawing: one sentence with the figures that matter.
std::string describe(const Chart& chart);
std::string describe(const HeatMapGrid& grid);
std::string describe(const MatrixMap& matrix);

}  // namespace moliere::page::detail
