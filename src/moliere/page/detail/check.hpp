// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/page/page.hpp"

namespace moliere::page::detail {

// Each throws Error, saying what of the item is wrong, where it cannot be drawn as it is.
void check(const Table& table);
void check(const Chart& chart);
void check(const HeatMapGrid& grid);
void check(const MatrixMap& matrix);
void check(const Notes& notes);
void check(const Download& download);
/// Lengths, edges, bounds of one series; `x` is its axis.
void check(const Series& series, const Axis& x);
/// Letters, digits, '-' and '_', a letter first.
void check_id(const std::string& id);

}  // namespace moliere::page::detail
