// SPDX-License-Identifier: Apache-2.0
#include "moliere/learn/device.hpp"

#include "moliere/core/error.hpp"

#include <charconv>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/version.h>

namespace moliere::learn {
namespace {

Error unknown_device(std::string_view name) {
  return {fmt::format("no device is called '{}'", name), "the names are cpu, cuda, cuda:N and auto",
          "choose one of these"};
}

/// N of "cuda:N"; 0 for "cuda".
c10::DeviceIndex gpu_index(std::string_view name) {
  std::string_view digits = name.substr(std::string_view("cuda").size());
  if (digits.empty()) return 0;
  digits.remove_prefix(1);
  int index = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  // More than 127 do not fit a c10::DeviceIndex.
  if (error != std::errc() || end != digits.data() + digits.size() || index < 0 || index > 127) {
    throw unknown_device(name);
  }
  return static_cast<c10::DeviceIndex>(index);
}

}  // namespace

c10::Device select_device(std::string_view name) {
  const c10::DeviceIndex gpus = torch::cuda::device_count();
  if (name == "cpu" || (name == "auto" && gpus == 0)) return c10::Device(c10::kCPU);
  if (name == "auto") return {c10::kCUDA, 0};
  if (name != "cuda" && !name.starts_with("cuda:")) throw unknown_device(name);
  const c10::DeviceIndex index = gpu_index(name);
  if (index < 0 || index >= gpus) {
    throw Error(fmt::format("the device {} is not there", name),
                gpus == 0 ? "this LibTorch sees no GPU: there is none, or it is the CPU build"
                          : fmt::format("this machine has {}", int{gpus}),
                "choose cpu, or auto for what there is");
  }
  return {c10::kCUDA, index};
}

void seed_all(std::uint64_t seed) { at::manual_seed(seed); }

ThreadLimit::ThreadLimit(int threads) : before_(at::get_num_threads()) {
  if (threads < 0) {
    throw Error(fmt::format("{} threads", threads), "a number of threads is not negative",
                "give 0 for all");
  }
  if (threads > 0) at::set_num_threads(threads);
}

ThreadLimit::~ThreadLimit() { at::set_num_threads(before_); }

std::string torch_version() { return TORCH_VERSION; }

}  // namespace moliere::learn
