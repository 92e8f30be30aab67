// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace moliere::page::detail {

/// Text for an HTML element or a quoted attribute.
std::string html(std::string_view text);
/// A JSON string that may stand inside a <script> element: no '<' is left in it.
std::string quoted(std::string_view text);
/// A JSON number with so many significant digits, null when it is not finite.
void append_number(std::string& out, double value, int digits);
void append_numbers(std::string& out, std::span<const double> values, int digits);
/// A number for a sentence: 4 digits.
std::string in_words(double value);
/// "label [unit]"
std::string label_with_unit(std::string_view label, std::string_view unit);

}  // namespace moliere::page::detail
