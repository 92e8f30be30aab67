// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/page/page.hpp"

#include <string>

namespace moliere::page {

/// The page as one HTML file that loads nothing else: style, program, Chart.js and data are in it.
/// The same page gives the same bytes. All text is escaped; bytes that are not UTF-8 become U+FFFD.
/// Values are kept to 5 significant digits, contents of bins to 4, uncertainties to 3, positions to
/// 7: finer than a screen; exact figures belong into a Download.
///
/// Throws Error, naming section and item, where lengths do not fit, edges do not rise, a limit of a
/// logarithmic axis is not positive, an id is malformed or used twice, a link leads nowhere.
std::string render(const Page& page);

}  // namespace moliere::page
