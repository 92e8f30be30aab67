// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/page/page.hpp"

#include <string>
#include <vector>

namespace moliere::page::detail {

// What assets/page.js draws an item from, as JSON. The keys are explained in page.js.
std::string data(const Chart& chart);
std::string data(const HeatMapGrid& grid);
std::string data(const MatrixMap& matrix);
std::string data(const Download& download);

/// Place of each series in the palette: 0 reference, 1.. the colours, -1 muted.
/// Automatic ones are given out in order, past the sixth with dashes.
std::vector<int> palette(const std::vector<Series>& series);

}  // namespace moliere::page::detail
