// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

namespace moliere::page::detail {

// Files that CMake makes part of the library.
std::string_view style();          // assets/page.css
std::string_view program();        // assets/page.js
std::string_view chart_licence();  // assets/chart_licence.txt
std::string_view chart_library();  // Chart.js of the system's package

}  // namespace moliere::page::detail
