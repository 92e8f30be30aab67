// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/onnx/graph.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// In: a name and a batch -> Out: onnx::Model with seeded weights, the same bytes on every machine.
namespace moliere::zoo {

/// The batch of a model: a number, or a symbolic dimension "batch" that the caller fixes later.
using Batch = std::optional<std::int64_t>;

/// A built-in model.
struct Entry {
  std::string name;
  std::string description;
  /// Sets that it belongs to, beside "all": "rootbench", "quick", "recurrent", "dense".
  std::vector<std::string> sets;
  /// Whether the model leaves its batch to the caller.
  bool dynamic_batch = false;
  /// Events per call where nobody says.
  std::int64_t default_batch = 1;
  onnx::Model (*build)(const Entry& entry, const Batch& batch) = nullptr;
};

/// All of them, in the order of the tables.
const std::vector<Entry>& entries();
/// nullptr when there is none of this name.
const Entry* find(std::string_view name);

/// "@rootbench" -> its members; a name -> itself. Throws Error, with the names that come near, for
/// anything else.
std::vector<std::string> expand(std::string_view selector);

/// The model for `batch` events. Without one: its default batch, or a free dimension "batch" where
/// the entry is dynamic. Throws Error when batch < 1.
onnx::Model make(const Entry& entry, std::optional<std::int64_t> batch = std::nullopt);

}  // namespace moliere::zoo
