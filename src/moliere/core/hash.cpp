// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/hash.hpp"

#include <new>

#include <fmt/format.h>
#include <xxhash.h>

namespace moliere {

struct ContentHash::State {
  XXH3_state_t* xxh = XXH3_createState();
  State() {
    if (xxh == nullptr) throw std::bad_alloc();
    XXH3_128bits_reset(xxh);
  }
  ~State() { XXH3_freeState(xxh); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

ContentHash::ContentHash() : state_(std::make_unique<State>()) {}
ContentHash::~ContentHash() = default;

ContentHash& ContentHash::add(std::span<const std::byte> bytes) {
  const std::uint64_t size = bytes.size();
  XXH3_128bits_update(state_->xxh, &size, sizeof size);
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
  return *this;
}

ContentHash& ContentHash::add(std::string_view text) { return add(std::as_bytes(std::span(text))); }

std::string ContentHash::hex() const {
  const XXH128_hash_t value = XXH3_128bits_digest(state_->xxh);
  return fmt::format("{:016x}{:016x}", value.high64, value.low64);
}

}  // namespace moliere
