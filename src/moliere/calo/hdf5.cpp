// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/detail/hdf5.hpp"

#include <string_view>

namespace moliere::calo::detail {
namespace {

std::recursive_mutex& hdf5_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

extern "C" herr_t keep_innermost(unsigned, const H5E_error2_t* entry, void* text) {
  auto& message = *static_cast<std::string*>(text);
  if (message.empty() && entry->desc != nullptr) message = entry->desc;
  return 0;
}

}  // namespace

Hdf5Section::Hdf5Section() : lock_(hdf5_mutex()) {
  H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Section::~Hdf5Section() { H5Eset_auto2(H5E_DEFAULT, print_, print_data_); }

std::string last_hdf5_error() {
  std::string message;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &message);
  if (message.empty()) return "HDF5 gives no reason";
  // "file write failed: time = ..., errno = 28, error message = 'No space left on device', ..."
  constexpr std::string_view mark = "error message = '";
  const auto begin = message.find(mark);
  if (begin == std::string::npos) return message;
  const auto end = message.find('\'', begin + mark.size());
  return message.substr(begin + mark.size(), end - begin - mark.size());
}

bool Hdf5Handle::close() {
  if (id_ < 0) return true;
  const Hdf5Section section;
  return close_(std::exchange(id_, H5I_INVALID_HID)) >= 0;
}

}  // namespace moliere::calo::detail
