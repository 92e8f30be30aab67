// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/plan.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>

namespace moliere::bench {
namespace {

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> pieces;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    pieces.emplace_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return pieces;
}

[[noreturn]] void throw_bad_engine(std::string_view piece, std::string_view why) {
  throw Error(fmt::format("'{}' is no engine", piece), why,
              "write --engine NAME or --engine NAME:key=value,key=value");
}

void add_option(EngineChoice& choice, std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    throw_bad_engine(text, "an option is key=value");
  const std::string key(text.substr(0, equals));
  if (!choice.options.emplace(key, text.substr(equals + 1)).second) {
    throw_bad_engine(text, "the same option is given twice");
  }
}

void set_labels(std::vector<EngineChoice>& choices) {
  std::map<std::string, int> seen;
  for (EngineChoice& choice : choices) {
    choice.label = choice.name;
    char separator = ':';
    for (const auto& [key, value] : choice.options) {
      choice.label += fmt::format("{}{}={}", separator, key, value);
      separator = ',';
    }
    const int count = ++seen[choice.label];
    if (count > 1) choice.label += fmt::format("#{}", count);
  }
}

}  // namespace

std::vector<EngineChoice> parse_engines(const std::vector<std::string>& values) {
  std::vector<EngineChoice> choices;
  for (const std::string& value : values) {
    bool has_options = false;
    for (const std::string& piece : split(value)) {
      const std::size_t colon = piece.find(':');
      const std::size_t equals = piece.find('=');
      if (equals != std::string::npos && (colon == std::string::npos || equals < colon)) {
        if (!has_options) throw_bad_engine(piece, "an option follows its engine after ':'");
        add_option(choices.back(), piece);
        continue;
      }
      EngineChoice choice{.name = piece.substr(0, colon)};
      if (choice.name.empty()) throw_bad_engine(piece, "the name is empty");
      has_options = colon != std::string::npos;
      if (has_options) add_option(choice, std::string_view(piece).substr(colon + 1));
      choices.push_back(std::move(choice));
    }
  }
  set_labels(choices);
  return choices;
}

std::vector<int> parse_axis(std::string_view option, std::string_view list, int all) {
  std::vector<int> values;
  for (const std::string& piece : split(list)) {
    int value = 0;
    if (piece == "all" && all > 0) {
      value = all;
    } else {
      const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), value);
      if (error != std::errc{} || end != piece.data() + piece.size() || value < 1) {
        throw Error(fmt::format("'{}' does not fit {}", piece, option),
                    "it takes a list of whole numbers above 0",
                    all > 0 ? "write for example 1,4,all" : "write for example 1,16,256");
      }
    }
    if (std::ranges::find(values, value) == values.end()) values.push_back(value);
  }
  return values;
}

std::pair<std::string, std::int64_t> parse_dimension(const std::string& text) {
  const std::size_t equals = text.find('=');
  std::int64_t value = 0;
  if (equals != std::string::npos && equals > 0) {
    const char* begin = text.data() + equals + 1;
    const char* end = text.data() + text.size();
    const auto [parsed, error] = std::from_chars(begin, end, value);
    if (error == std::errc{} && parsed == end && value > 0) return {text.substr(0, equals), value};
  }
  throw Error(fmt::format("'{}' does not fit --dim", text), "it takes NAME=N with N above 0",
              "write for example --dim sequence=20");
}

std::vector<Axes> cross(const std::vector<std::int64_t>& batches, const std::vector<int>& threads,
                        const std::vector<int>& streams, const std::vector<std::string>& devices) {
  std::vector<Axes> result;
  for (const std::string& device : devices) {
    for (const int stream_count : streams) {
      for (const int thread_count : threads) {
        for (const std::int64_t batch : batches) {
          result.push_back({batch, thread_count, stream_count, device});
        }
      }
    }
  }
  return result;
}

std::vector<std::size_t> balanced_order(std::size_t engines, std::size_t round) {
  std::vector<std::size_t> order(engines);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (engines == 0) return order;
  const auto shift = static_cast<std::ptrdiff_t>((round / 2) % engines);
  std::rotate(order.begin(), order.begin() + shift, order.end());
  if (round % 2 == 1) std::reverse(order.begin(), order.end());
  return order;
}

}  // namespace moliere::bench
