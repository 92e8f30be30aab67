// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

/// Numbers as people read them. Every text is at most `width` characters of ASCII or UTF-8.
namespace moliere::report {

/// "1.23 us", "45.6 ms": three significant digits with a unit; from nanoseconds.
std::string duration(double ns);
/// Three significant digits in plain decimals, never an exponent above 1e-6: a time in ms.
std::string milliseconds(double ms);
/// "950", "1.23 k", "4.10 M".
std::string with_prefix(double value);
/// "16.4 MB" (10^6 bytes).
std::string bytes(std::int64_t count);
/// Terminal columns that a UTF-8 text takes (one a code point).
std::size_t columns(const std::string& text);
/// Padded with blanks to `width` columns, cut with "..." where it is longer.
std::string left(const std::string& text, std::size_t width);
std::string right(const std::string& text, std::size_t width);

}  // namespace moliere::report
