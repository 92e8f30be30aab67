// SPDX-License-Identifier: Apache-2.0
#include "moliere/page/detail/text.hpp"

#include "moliere/core/json.hpp"

#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace moliere::page::detail {
namespace {

std::string as_json(std::string_view text) {
  return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Bytes that are not UTF-8 replaced by U+FFFD, as a browser does.
std::string valid_utf8(std::string_view text) {
  return Json::parse(as_json(text)).get<std::string>();
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
}

/// 0.0012345 as 12345e-7: the shorter form of small numbers, of which a page has 1e5.
std::string whole_with_exponent(double value, int digits) {
  const std::string text = fmt::format("{:.{}e}", value, digits - 1);  // -1.2340e-03
  const std::size_t e = text.find('e');
  std::string mantissa = text.substr(0, e);
  int exponent = std::stoi(text.substr(e + 1));
  if (const std::size_t point = mantissa.find('.'); point != std::string::npos) {
    mantissa.erase(mantissa.find_last_not_of('0') + 1);
    exponent -= static_cast<int>(mantissa.size() - point - 1);
    mantissa.erase(point, 1);
  }
  return fmt::format("{}e{}", mantissa, exponent);
}

}  // namespace

std::string html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += is_control(c) ? ' ' : c;  // HTML has no way to write a control character
    }
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : as_json(text)) {
    if (c == '<') {
      out += "\\u003c";  // "</script>" in a name would end the element
    } else {
      out += c;
    }
  }
  return out;
}

void append_number(std::string& out, double value, int digits) {
  if (!std::isfinite(value)) {
    out += "null";
  } else if (value == 0) {
    out += '0';  // not -0
  } else {
    const std::string plain = fmt::format("{:.{}g}", value, digits);
    const std::string whole = whole_with_exponent(value, digits);
    out += whole.size() < plain.size() ? whole : plain;
  }
}

void append_numbers(std::string& out, std::span<const double> values, int digits) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    append_number(out, values[i], digits);
  }
  out += ']';
}

std::string in_words(double value) {
  return std::isfinite(value) ? fmt::format("{:.4g}", value) : "no number";
}

std::string label_with_unit(std::string_view label, std::string_view unit) {
  return unit.empty() ? std::string(label) : fmt::format("{} [{}]", label, unit);
}

}  // namespace moliere::page::detail
