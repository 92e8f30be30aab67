// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/tensor.hpp"
#include "moliere/onnx/graph.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace moliere::bench {

struct InputOptions {
  std::uint64_t seed = 1;
  /// Name -> [lo, hi): whole numbers lo ... hi - 1 for an integer input, uniform for a float one.
  std::map<std::string, std::pair<double, double>> ranges;
};

/// `count` different sets of inputs (sets[set][input]), drawn from (seed, model, input, set) alone
/// with exact arithmetic, so the same bytes on every machine.
///
/// Floats: uniform in [0, 1): like pixels and normalised energies, and in the domain of Log and
/// Sqrt (another range with --input-range). Integers: uniform in the range that their consumer
/// allows, looked up through operators that do not change values: an index of Gather, ScatterND,
/// OneHot, ... from 0 to the extent, a sequence length from 1. Booleans: either, alike. Never all
/// zeros. Throws Error for an integer whose range cannot be known (asks for --input-range), a range
/// that is empty, a name that is no input, or inputs above 8 GiB in all.
std::vector<std::vector<Tensor>> generate_inputs(const onnx::Model& model, std::size_t count,
                                                 const InputOptions& options);

/// "NAME=lo:hi". Throws Error for anything else or lo >= hi.
std::pair<std::string, std::pair<double, double>> parse_input_range(const std::string& text);

}  // namespace moliere::bench
