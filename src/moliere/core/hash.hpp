// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace moliere {

/// 128-bit content hash (XXH3): the key of caches and the identity of files in results.
/// Not cryptographic. Every part is hashed with its length, so that parts do not run together.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash& add(std::string_view text);
  ContentHash& add(std::span<const std::byte> bytes);
  /// 32 hexadecimal digits.
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace moliere
