// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <mutex>
#include <string>
#include <utility>

#include <hdf5.h>

/// Small owners around HDF5's C interface. Nothing outside calo/*.cpp includes this header.
namespace moliere::calo::detail {

/// While it lives this thread alone uses HDF5 (the library may be built without thread safety) and
/// HDF5 does not print its errors. May be nested.
class Hdf5Section {
 public:
  Hdf5Section();
  ~Hdf5Section();
  Hdf5Section(const Hdf5Section&) = delete;
  Hdf5Section& operator=(const Hdf5Section&) = delete;

 private:
  std::unique_lock<std::recursive_mutex> lock_;
  H5E_auto2_t print_ = nullptr;
  void* print_data_ = nullptr;
};

/// What went wrong at the bottom of the last failed call, in HDF5's or the system's words. Must be
/// called before any other HDF5 function.
std::string last_hdf5_error();

/// An identifier and the function that closes it. Negative: none.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Hdf5Handle() = default;
  Hdf5Handle(hid_t id, Close close_function) : id_(id), close_(close_function) {}
  ~Hdf5Handle() { close(); }
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }

  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  /// False when closing failed: for a file that is written this can be the disk's last word.
  bool close();

 private:
  hid_t id_ = H5I_INVALID_HID;
  Close close_ = nullptr;
};

}  // namespace moliere::calo::detail
