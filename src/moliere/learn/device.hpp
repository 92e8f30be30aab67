// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include <c10/core/Device.h>

namespace moliere::learn {

/// "cpu"; "cuda" (the first GPU) or "cuda:1"; "auto": the first GPU where there is one, else the
/// CPU. Throws Error for another name and for a GPU that is not there.
c10::Device select_device(std::string_view name);

/// Starts LibTorch's generators of random numbers, of the CPU and of all GPUs.
void seed_all(std::uint64_t seed);

/// Computations of LibTorch on the CPU use `threads` while this lives (0: leaves it as it is).
class ThreadLimit {
 public:
  /// Throws Error for a negative number.
  explicit ThreadLimit(int threads);
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int before_;
};

/// "2.13.0".
std::string torch_version();

}  // namespace moliere::learn
