// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/detail/hdf5_output.hpp"

#include "moliere/core/error.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include <sys/stat.h>
#include <unistd.h>
#if __has_include(<H5FDdevelop.h>)  // where HDF5 1.14 declares what drivers are made of
#include <H5FDdevelop.h>
#endif

namespace moliere::calo::detail {
namespace fs = std::filesystem;
namespace {

constexpr haddr_t largest_address = (haddr_t{1} << 62) - 1;

/// HDF5's idea of our file; it hands out pointers to `base`, its first member.
struct DriverFile {
  H5FD_t base;
  Hdf5Output::State* state;
  haddr_t allocated;  ///< "end of address"
  haddr_t end;        ///< "end of file"
};

DriverFile& ours(H5FD_t* file) { return *reinterpret_cast<DriverFile*>(file); }
const DriverFile& ours(const H5FD_t* file) { return *reinterpret_cast<const DriverFile*>(file); }

H5FD_t* open_driver(const char*, unsigned, hid_t access, haddr_t) {
  const auto* info = static_cast<Hdf5Output::State* const*>(H5Pget_driver_info(access));
  if (info == nullptr) return nullptr;
  auto* file = new (std::nothrow) DriverFile{};
  if (file == nullptr) return nullptr;
  file->state = *info;
  return &file->base;
}

herr_t close_driver(H5FD_t* file) {
  delete &ours(file);
  return 0;
}

/// The same optimisations as HDF5's own driver for files asks for.
herr_t query_driver(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t allocated_of(const H5FD_t* file, H5FD_mem_t) { return ours(file).allocated; }
haddr_t end_of(const H5FD_t* file, H5FD_mem_t) { return ours(file).end; }
herr_t set_allocated(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  ours(file).allocated = address;
  return 0;
}

herr_t read_driver(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, void* into) {
  auto* bytes = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t got =
        ::pread(ours(file).state->descriptor, bytes, size, static_cast<off_t>(address));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    bytes += got;
    address += static_cast<haddr_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  std::fill_n(bytes, size, '\0');  // beyond the end lie zeros
  return 0;
}

herr_t write_driver(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t size,
                    const void* from) {
  Hdf5Output::State& state = *ours(file).state;
  const auto* bytes = static_cast<const char*>(from);
  ours(file).end = std::max(ours(file).end, address + size);
  while (size > 0 && state.error == 0) {
    const ssize_t put = ::pwrite(state.descriptor, bytes, size, static_cast<off_t>(address));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      state.error = errno;
      break;
    }
    bytes += put;
    address += static_cast<haddr_t>(put);
    size -= static_cast<std::size_t>(put);
  }
  return 0;  // see the class: what failed is in state.error
}

herr_t truncate_driver(H5FD_t* file, hid_t, hbool_t) {
  Hdf5Output::State& state = *ours(file).state;
  if (ours(file).end == ours(file).allocated) return 0;
  ours(file).end = ours(file).allocated;
  const auto size = static_cast<off_t>(ours(file).allocated);
  if (state.error == 0 && ::ftruncate(state.descriptor, size) != 0) state.error = errno;
  return 0;
}

hid_t register_driver() {
  H5FD_class_t driver{};
#ifdef H5FD_CLASS_VERSION
  driver.version = H5FD_CLASS_VERSION;
  driver.value = static_cast<H5FD_class_value_t>(512);  // 256 to 511 are given away by HDF5
#endif
  driver.name = "moliere_output";
  driver.maxaddr = largest_address;
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.fapl_size = sizeof(Hdf5Output::State*);
  driver.open = open_driver;
  driver.close = close_driver;
  driver.query = query_driver;
  driver.get_eoa = allocated_of;
  driver.set_eoa = set_allocated;
  driver.get_eof = end_of;
  driver.read = read_driver;
  driver.write = write_driver;
  driver.truncate = truncate_driver;
  const H5FD_mem_t map[] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(map), std::end(map), std::begin(driver.fl_map));
  return H5FDregister(&driver);
}

/// For as long as the program runs: HDF5 copies the class.
hid_t output_driver() {
  static const hid_t driver = register_driver();
  return driver;
}

Error cannot_write(const fs::path& file, int code) {
  return Error("cannot be written", std::strerror(code),
               "check the free space and the permissions of its folder")
      .about(file.string());
}

}  // namespace

Hdf5Output::Hdf5Output(fs::path file) : file_(std::move(file)) {
  const fs::path folder = file_.has_parent_path() ? file_.parent_path() : fs::path(".");
  std::error_code error;
  fs::create_directories(folder, error);
  if (fs::is_directory(file_, error)) throw cannot_write(file_, EISDIR);
  temporary_ = (folder / fmt::format(".{}.XXXXXX", file_.filename().string())).string();
  state_.descriptor = ::mkstemp(temporary_.data());
  if (state_.descriptor < 0) throw cannot_write(file_, errno);
}

Hdf5Output::~Hdf5Output() {
  if (state_.descriptor < 0) return;
  ::close(state_.descriptor);
  ::unlink(temporary_.c_str());
}

Hdf5Handle Hdf5Output::create() {
  const Hdf5Section section;
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  State* const state = &state_;
  if (H5Pset_driver(access.get(), output_driver(), &state) < 0) return {};
  return {H5Fcreate(temporary_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()), H5Fclose};
}

void Hdf5Output::publish() {
  constexpr mode_t usual_permissions = 0644;  // mkstemp makes 0600
  int code = state_.error;
  if (code == 0 &&
      (::fchmod(state_.descriptor, usual_permissions) != 0 || ::fsync(state_.descriptor) != 0)) {
    code = errno;
  }
  if (code == 0 && ::rename(temporary_.c_str(), file_.c_str()) != 0) code = errno;
  if (code != 0) throw cannot_write(file_, code);
  ::close(state_.descriptor);
  state_.descriptor = -1;
}

}  // namespace moliere::calo::detail
