// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/format.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace moliere::report {
namespace {

/// `value` with three significant digits, without an exponent where that stays short.
std::string three_digits(double value) {
  if (value == 0) return "0";
  // Rounded first: 0.9996 has a digit before the point.
  const double magnitude = std::fabs(std::stod(fmt::format("{:.2e}", value)));
  if (magnitude < 1e-6 || magnitude >= 1e9) return fmt::format("{:.2e}", value);
  const int before_point = static_cast<int>(std::floor(std::log10(magnitude))) + 1;
  return fmt::format("{:.{}f}", value, std::max(0, 3 - before_point));
}

std::string scaled(double value, std::initializer_list<std::string_view> units) {
  constexpr double step = 1000;
  std::string_view unit;
  for (const std::string_view candidate : units) {
    unit = candidate;
    // 999.6 would be shown as "1000": it belongs to the next unit.
    if (std::fabs(value) < 999.5 || candidate == *(units.end() - 1)) break;
    value /= step;
  }
  return fmt::format("{}{}{}", three_digits(value), unit.empty() ? "" : " ", unit);
}

/// Cut to `width` columns between code points.
std::string cut(const std::string& text, std::size_t width) {
  if (columns(text) <= width) return text;
  std::string result;
  for (const char c : text) {
    const bool starts_a_point = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (starts_a_point && columns(result) + 3 >= width) break;
    result += c;
  }
  return result + "...";
}

}  // namespace

std::string duration(double ns) { return scaled(ns, {"ns", "us", "ms", "s"}); }
std::string milliseconds(double ms) { return three_digits(ms); }
std::string with_prefix(double value) { return scaled(value, {"", "k", "M", "G", "T"}); }
std::string bytes(std::int64_t count) {
  return scaled(static_cast<double>(count), {"B", "kB", "MB", "GB", "TB"});
}

std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string left(const std::string& text, std::size_t width) {
  std::string result = cut(text, width);
  return result + std::string(width - std::min(width, columns(result)), ' ');
}

std::string right(const std::string& text, std::size_t width) {
  const std::string shown = cut(text, width);
  return std::string(width - std::min(width, columns(shown)), ' ') + shown;
}

}  // namespace moliere::report
