// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/verification.hpp"
#include "moliere/core/progress.hpp"
#include "moliere/onnx/cost.hpp"
#include "moliere/onnx/graph.hpp"
#include "moliere/onnx/shape_inference.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace moliere::bench {

/// A model as the user names it.
struct ModelRequest {
  /// A built-in name or the path of an ONNX file.
  std::string selector;
  /// Events per call; nothing: the model's own (1 where its batch is free).
  std::optional<std::int64_t> batch;
  /// --dim NAME=N.
  onnx::DimensionBindings dimensions;
};

/// A model with every dimension fixed, ready to be given to engines.
struct ModelCase {
  std::string name;
  onnx::Model model;
  /// The file that engines read: the user's own where nothing had to be fixed in it.
  std::filesystem::path file;
  /// Content hash of that file (external data not included).
  std::string hash;
  /// Events per call: the leading extent that all inputs and outputs share, else 1.
  std::int64_t batch = 1;
  std::vector<TensorSpec> inputs;
  std::vector<std::string> outputs;
  onnx::GraphCost cost;
};

/// "@rootbench" -> its models, a name or a file -> itself. Throws Error for what is neither.
std::vector<std::string> expand_models(const std::vector<std::string>& selectors);

/// Whether the model's batch can be chosen freely.
bool has_free_batch(const std::string& selector);

/// Reads or makes the model, fixes its dimensions, and writes the file for the engines into
/// `folder` where it differs from the user's. Throws Error for a bad file, an open dimension, or a
/// batch that the file does not allow.
ModelCase make_case(const ModelRequest& request, const std::filesystem::path& folder);

/// What the timed calls go round.
struct InputSource {
  std::uint64_t seed = 1;
  /// --input-range NAME=lo:hi.
  std::map<std::string, std::pair<double, double>> ranges;
  /// --input: one set each; empty: drawn from the seed.
  std::vector<std::filesystem::path> files;
  /// --expected: one for each of `files`.
  std::vector<std::filesystem::path> expected;
  /// How many different sets are drawn. A caching engine is caught by their number.
  std::size_t sets = 16;
};

struct CaseInputs {
  /// sets[set][input]
  std::vector<std::vector<Tensor>> sets;
  Expectation expectation;
};

/// Draws or reads the inputs and finds what the outputs must be. Throws Error for bad files.
CaseInputs make_inputs(const ModelCase& model, const InputSource& source,
                       const VerificationLimits& limits, const std::filesystem::path& cache,
                       Progress& progress);

}  // namespace moliere::bench
