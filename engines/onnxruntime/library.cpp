// SPDX-License-Identifier: Apache-2.0
#include "library.hpp"

#include "moliere/engine/engine.hpp"

#include <cstdlib>

#include <dlfcn.h>
#include <fmt/format.h>
#include <onnxruntime_cxx_api.h>

namespace moliere::engines::onnxruntime {

std::string open_library() {
  const char* chosen = std::getenv("MOLIERE_ONNXRUNTIME_LIBRARY");
  const std::string path = chosen != nullptr ? chosen : MOLIERE_ONNXRUNTIME_LIBRARY;
  // RTLD_LOCAL: its protobuf and its allocator must not take the place of anybody else's. The
  // library stays open: its threads may outlive every object of ours.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw engine::NotAvailable(
        fmt::format("ONNX Runtime cannot be loaded ({}): run scripts/setup, or set "
                    "MOLIERE_ONNXRUNTIME_LIBRARY to a libonnxruntime.so",
                    ::dlerror()));
  }
  const auto get_api_base =
      reinterpret_cast<const OrtApiBase* (*)()>(::dlsym(library, "OrtGetApiBase"));
  if (get_api_base == nullptr) {
    throw engine::NotAvailable(
        fmt::format("{} is not ONNX Runtime (it has no OrtGetApiBase): set "
                    "MOLIERE_ONNXRUNTIME_LIBRARY to a libonnxruntime.so",
                    path));
  }
  std::string version = get_api_base()->GetVersionString();
  const OrtApi* api = get_api_base()->GetApi(ORT_API_VERSION);
  if (api == nullptr) {
    throw engine::NotAvailable(
        fmt::format("ONNX Runtime {} ({}) is older than the interface {} that this worker was "
                    "built for: install 1.{} or newer, or build with older headers",
                    version, path, ORT_API_VERSION, ORT_API_VERSION));
  }
  Ort::InitApi(api);
  return version;
}

}  // namespace moliere::engines::onnxruntime
