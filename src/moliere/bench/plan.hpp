// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/engine/engine.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moliere::bench {

/// One `--engine NAME[:key=value,...]`.
struct EngineChoice {
  std::string name;
  /// Only what the user gave; the engine fills in its defaults.
  engine::Options options;
  /// "onnxruntime:arena=off"; the second of two equal ones is "onnxruntime#2" (A/A).
  std::string label;
};

/// Parses the values of all `--engine` options. A comma separates engines, and options of one
/// engine: a piece with '=' belongs to the engine before it. Equal choices are numbered.
/// Throws Error for an option without an engine, an empty name, a key given twice.
std::vector<EngineChoice> parse_engines(const std::vector<std::string>& values);

/// "1,4,all" -> {1, 4, all}; sorted as given, without repeats. `all` must be positive where the
/// word is allowed, else 0. Throws Error naming `option` for anything else.
std::vector<int> parse_axis(std::string_view option, std::string_view list, int all);

/// "NAME=N" -> (NAME, N). Throws Error for anything else, or N below 1.
std::pair<std::string, std::int64_t> parse_dimension(const std::string& text);

/// What is held fixed while engines are compared.
struct Axes {
  std::int64_t batch = 0;  // 0: the model's own
  int threads = 1;
  int streams = 1;
  std::string device = "cpu";
};

/// The product of the axes, batch fastest.
std::vector<Axes> cross(const std::vector<std::int64_t>& batches, const std::vector<int>& threads,
                        const std::vector<int>& streams, const std::vector<std::string>& devices);

/// The order in which `engines` workers are visited in `round`: every engine comes equally often
/// at each place, and each pair equally often in either order, over 2 * engines rounds
/// (A B, B A; then rotated by one).
std::vector<std::size_t> balanced_order(std::size_t engines, std::size_t round);

}  // namespace moliere::bench
