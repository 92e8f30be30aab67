// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/calo/detail/hdf5.hpp"

#include <filesystem>
#include <string>

namespace moliere::calo::detail {

/// A file that HDF5 writes under a temporary name, through a driver of our own.
///
/// Why not HDF5's driver: after a write has failed (a full disk), HDF5 1.10 to 1.14 can neither
/// close the file nor forget it, and crashes when the program ends. Ours keeps the first failure
/// for `error()` and tells HDF5 that all is well, so that it closes an (abandoned) file in peace.
class Hdf5Output {
 public:
  /// Makes the temporary file beside `file`, and missing folders. Throws Error.
  explicit Hdf5Output(std::filesystem::path file);
  /// Removes the temporary file unless it was published. What HDF5 has open must be closed before.
  ~Hdf5Output();
  Hdf5Output(const Hdf5Output&) = delete;
  Hdf5Output& operator=(const Hdf5Output&) = delete;

  /// The empty HDF5 file; a negative handle when HDF5 refuses.
  Hdf5Handle create();
  /// The system's code of the first write that failed; 0: all is on its way to the disk.
  int error() const { return state_.error; }
  /// After HDF5 has closed it: syncs the file and gives it its name. Throws Error.
  void publish();

  struct State {
    int descriptor = -1;
    int error = 0;
  };

 private:
  std::filesystem::path file_;
  std::string temporary_;
  State state_;
};

}  // namespace moliere::calo::detail
