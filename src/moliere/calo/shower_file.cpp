// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/shower_file.hpp"

#include "moliere/calo/detail/hdf5.hpp"
#include "moliere/calo/detail/hdf5_output.hpp"
#include "moliere/core/error.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace moliere::calo {
namespace fs = std::filesystem;
using detail::Hdf5Handle;
using detail::Hdf5Output;
using detail::Hdf5Section;
using detail::last_hdf5_error;
namespace {

const char* const energies_name = "incident_energies";
const char* const showers_name = "showers";

constexpr std::int64_t mebibyte = 1 << 20;
/// A step of a few MiB: the cost of a call vanishes beside that of decompressing.
constexpr std::int64_t step_bytes = 4 * mebibyte;
/// The largest step, also where one piece of the file is larger.
constexpr std::int64_t longest_step_bytes = 32 * mebibyte;
/// HDF5 keeps a row of pieces, so that reading part of one does not decompress it anew for every
/// part. Files with larger pieces are read all the same, only slowly.
constexpr std::int64_t largest_cache_bytes = 1024 * mebibyte;
/// HDF5's advice: a prime, some 100 times the pieces that fit into the cache.
constexpr std::size_t cache_slots = 12421;
/// What we write: pieces of half a MiB fit into HDF5's default cache of 1 MiB in any reader.
constexpr std::int64_t written_chunk_bytes = mebibyte / 2;
constexpr std::int64_t longest_written_chunk = 4096;

using Dimensions = std::vector<hsize_t>;

Error about_file(const fs::path& file, std::string_view problem, std::string_view why,
                 std::string_view suggestion) {
  return Error(problem, why, suggestion).about(file.string());
}

struct DataSet {
  Hdf5Handle id;
  Dimensions dimensions;
  std::size_t element_bytes = 0;  ///< in the file
  hsize_t chunk_rows = 0;         ///< 0: not chunked

  hsize_t rows() const { return dimensions.front(); }
};

std::string to_text(const Dimensions& dimensions) {
  return fmt::format("({})", fmt::join(dimensions, ", "));
}

Hdf5Handle open_file(const fs::path& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) {
    throw about_file(file, "cannot be opened", "there is no such file", "check the path");
  }
  if (fs::is_directory(status)) {
    throw about_file(file, "is a folder", "a file of showers is needed", "give the path of a file");
  }
  if (fs::is_regular_file(status) && fs::file_size(file, error) == 0 && !error) {
    throw about_file(file, "is empty", "it has no byte", "make the file anew");
  }
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // Some network disks have no locks; we only read.
  H5Pset_file_locking(access.get(), true, true);
  Hdf5Handle opened(H5Fopen(file.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
  if (opened) return opened;
  const std::string why = last_hdf5_error();
  if (why.find("truncated") != std::string::npos) {
    throw about_file(file, "is truncated", why, "copy or make the file again");
  }
  if (why.find("signature") != std::string::npos) {
    throw about_file(file, "is not HDF5", "its first bytes are not those of HDF5",
                     "give a file in the CaloChallenge's layout (docs/formats/showers.md)");
  }
  throw about_file(file, "cannot be opened", why, "check whether the file is whole and readable");
}

/// The filters of a data set that this HDF5 does not have.
void check_filters(const fs::path& file, const char* name, hid_t creation) {
  const int filters = H5Pget_nfilters(creation);
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0;
    std::size_t no_values = 0;
    std::array<char, 128> label{};
    unsigned config = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &no_values, nullptr,
                       label.size(), label.data(), &config);
    if (filter >= 0 && H5Zfilter_avail(filter) <= 0) {
      throw about_file(file, fmt::format("the data set {} cannot be decompressed", name),
                       fmt::format("HDF5 has no filter {} ({}) here", filter, label.data()),
                       "set HDF5_PLUGIN_PATH to where that filter is, or rewrite the file with "
                       "h5repack -f GZIP=4");
    }
  }
}

/// Opens a data set of floating-point numbers with its rows' pieces kept in memory.
DataSet open_data_set(const fs::path& file, hid_t root, const char* name) {
  DataSet set;
  if (H5Lexists(root, name, H5P_DEFAULT) <= 0) {
    throw about_file(file, fmt::format("has no data set {}", name),
                     "showers need incident_energies and showers",
                     "give a file in the CaloChallenge's layout (docs/formats/showers.md)");
  }
  set.id = Hdf5Handle(H5Dopen2(root, name, H5P_DEFAULT), H5Dclose);
  if (!set.id) {
    throw about_file(file, fmt::format("the data set {} cannot be opened", name), last_hdf5_error(),
                     "copy or make the file again");
  }
  const Hdf5Handle space(H5Dget_space(set.id.get()), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space.get());
  set.dimensions.resize(static_cast<std::size_t>(std::max(rank, 0)));
  H5Sget_simple_extent_dims(space.get(), set.dimensions.data(), nullptr);

  const Hdf5Handle type(H5Dget_type(set.id.get()), H5Tclose);
  set.element_bytes = H5Tget_size(type.get());
  if (H5Tget_class(type.get()) != H5T_FLOAT || set.element_bytes > sizeof(double)) {
    throw about_file(file, fmt::format("the data set {} holds no floating-point numbers", name),
                     "energies are float32 or float64", "rewrite it as float32");
  }
  const Hdf5Handle creation(H5Dget_create_plist(set.id.get()), H5Pclose);
  check_filters(file, name, creation.get());
  if (rank > 0 && H5Pget_layout(creation.get()) == H5D_CHUNKED) {
    Dimensions chunk(set.dimensions.size());
    H5Pget_chunk(creation.get(), rank, chunk.data());
    set.chunk_rows = chunk.front();
  }
  return set;
}

/// Elements after the first dimension; throws where a shower has none or too many.
std::int64_t row_length(const fs::path& file, const char* name, const DataSet& set) {
  std::int64_t length = 1;
  for (std::size_t i = 1; i < set.dimensions.size(); ++i) {
    const hsize_t extent = set.dimensions[i];
    constexpr std::int64_t most = std::numeric_limits<int>::max();
    if (extent == 0 || extent > static_cast<hsize_t>(most) ||
        length * static_cast<std::int64_t>(extent) > most) {
      throw about_file(
          file, fmt::format("the data set {} has the shape {}", name, to_text(set.dimensions)),
          "a row has at least 1 and at most 2^31 - 1 numbers", "check the file");
    }
    length *= static_cast<std::int64_t>(extent);
  }
  return length;
}

/// Opens the data set again with a cache that holds a row of pieces.
void widen_cache(DataSet& set, hid_t root, const char* name, std::int64_t length) {
  if (set.chunk_rows == 0) return;
  const auto piece = static_cast<double>(set.chunk_rows) * static_cast<double>(length) *
                     static_cast<double>(set.element_bytes);
  if (piece > static_cast<double>(largest_cache_bytes)) return;
  // Twice: pieces at the rim of the data set are stored whole.
  const auto bytes = std::max<std::size_t>(2 * static_cast<std::size_t>(piece), mebibyte);
  constexpr double drop_what_was_read = 1.0;
  const Hdf5Handle access(H5Pcreate(H5P_DATASET_ACCESS), H5Pclose);
  H5Pset_chunk_cache(access.get(), cache_slots, bytes, drop_what_was_read);
  // HDF5 keeps the cache of the first opening for as long as there is one.
  set.id.close();
  set.id = Hdf5Handle(H5Dopen2(root, name, access.get()), H5Dclose);
}

/// Reads rows of a data set as float32.
void read_rows(const fs::path& file, const char* name, const DataSet& set, std::int64_t first,
               std::int64_t count, float* into) {
  if (count == 0) return;
  Dimensions start(set.dimensions.size(), 0);
  Dimensions extent = set.dimensions;
  start.front() = static_cast<hsize_t>(first);
  extent.front() = static_cast<hsize_t>(count);
  const auto rank = static_cast<int>(extent.size());
  const Hdf5Handle from(H5Dget_space(set.id.get()), H5Sclose);
  H5Sselect_hyperslab(from.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr);
  // Of the same rank: HDF5 copies selections of unlike shapes element by element.
  const Hdf5Handle to(H5Screate_simple(rank, extent.data(), nullptr), H5Sclose);
  if (H5Dread(set.id.get(), H5T_NATIVE_FLOAT, to.get(), from.get(), H5P_DEFAULT, into) < 0) {
    const std::string why = last_hdf5_error();
    throw about_file(
        file, fmt::format("rows {} to {} of {} cannot be read", first, first + count - 1, name),
        why, "the file is damaged: copy or make it again");
  }
}

std::string read_string(hid_t attribute, hid_t type) {
  const Hdf5Handle memory_type(H5Tcopy(type), H5Tclose);
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    if (H5Aread(attribute, memory_type.get(), &text) < 0 || text == nullptr) return {};
    std::string value = text;
    H5free_memory(text);
    return value;
  }
  std::string value(H5Tget_size(type), '\0');
  if (H5Aread(attribute, memory_type.get(), value.data()) < 0) return {};
  value.resize(std::strlen(value.c_str()));
  return value;
}

/// A text or a number; a note on what it is for everything else.
std::string read_attribute(hid_t attribute) {
  const Hdf5Handle type(H5Aget_type(attribute), H5Tclose);
  const Hdf5Handle space(H5Aget_space(attribute), H5Sclose);
  const hssize_t count = H5Sget_simple_extent_npoints(space.get());
  if (count != 1) return fmt::format("({} values)", std::max<hssize_t>(count, 0));
  switch (H5Tget_class(type.get())) {
    case H5T_STRING:
      return read_string(attribute, type.get());
    case H5T_INTEGER: {
      long long value = 0;
      H5Aread(attribute, H5T_NATIVE_LLONG, &value);
      return fmt::to_string(value);
    }
    case H5T_FLOAT: {
      double value = 0;
      H5Aread(attribute, H5T_NATIVE_DOUBLE, &value);
      return fmt::to_string(value);
    }
    default:
      return "(neither text nor number)";
  }
}

extern "C" herr_t collect_attribute(hid_t location, const char* name, const H5A_info_t*,
                                    void* into) {
  const Hdf5Handle attribute(H5Aopen(location, name, H5P_DEFAULT), H5Aclose);
  if (attribute) (*static_cast<Attributes*>(into))[name] = read_attribute(attribute.get());
  return 0;
}

}  // namespace

std::span<const float> ShowerBatch::shower(std::int64_t i) const {
  const auto width = static_cast<std::size_t>(voxels);
  return std::span(energies).subspan(static_cast<std::size_t>(i) * width, width);
}

std::span<float> ShowerBatch::shower(std::int64_t i) {
  const auto width = static_cast<std::size_t>(voxels);
  return std::span(energies).subspan(static_cast<std::size_t>(i) * width, width);
}

struct ShowerReader::Impl {
  fs::path file;
  Hdf5Handle root;
  DataSet energies;
  DataSet showers;
  int voxels = 0;

  Impl(fs::path path, int expected_voxels) : file(std::move(path)) {
    const Hdf5Section section;
    root = open_file(file);
    energies = open_data_set(file, root.get(), energies_name);
    showers = open_data_set(file, root.get(), showers_name);
    check_shapes(expected_voxels);
    widen_cache(showers, root.get(), showers_name, voxels);
  }

  void check_shapes(int expected_voxels) {
    const auto wrong_shape = [&](const char* name, const DataSet& set, std::string_view why) {
      throw about_file(
          file, fmt::format("the data set {} has the shape {}", name, to_text(set.dimensions)), why,
          "give a file in the CaloChallenge's layout (docs/formats/showers.md)");
    };
    const std::size_t rank = showers.dimensions.size();
    if (rank != 2 && rank != 4) {
      wrong_shape(showers_name, showers, "it is (N, voxels) or (N, layers, alpha, r)");
    }
    voxels = static_cast<int>(row_length(file, showers_name, showers));
    const Dimensions& dimensions = energies.dimensions;
    if (!(dimensions.size() == 1 || (dimensions.size() == 2 && dimensions[1] == 1))) {
      wrong_shape(energies_name, energies, "it is (N, 1) or (N)");
    }
    if (energies.rows() != showers.rows()) {
      throw about_file(
          file,
          fmt::format("has {} incident energies and {} showers", energies.rows(), showers.rows()),
          "each shower has one", "make the file again");
    }
    if (showers.rows() > static_cast<hsize_t>(std::numeric_limits<std::int64_t>::max())) {
      wrong_shape(showers_name, showers, "no file holds so many rows");
    }
    if (expected_voxels != 0 && voxels != expected_voxels) {
      throw about_file(file, fmt::format("has showers of {} voxels", voxels),
                       fmt::format("the geometry has {}", expected_voxels),
                       "give the geometry that the file was made for");
    }
  }
};

ShowerReader::ShowerReader(const fs::path& file, int expected_voxels)
    : impl_(std::make_unique<Impl>(file, expected_voxels)) {}
ShowerReader::~ShowerReader() = default;
ShowerReader::ShowerReader(ShowerReader&&) noexcept = default;
ShowerReader& ShowerReader::operator=(ShowerReader&&) noexcept = default;

std::int64_t ShowerReader::size() const { return static_cast<std::int64_t>(impl_->showers.rows()); }
int ShowerReader::voxels() const { return impl_->voxels; }
const fs::path& ShowerReader::file() const { return impl_->file; }

Precision ShowerReader::precision() const {
  return impl_->showers.element_bytes == sizeof(double) ? Precision::float64 : Precision::float32;
}

Attributes ShowerReader::attributes() const {
  const Hdf5Section section;
  Attributes attributes;
  hsize_t position = 0;
  H5Aiterate2(impl_->root.get(), H5_INDEX_NAME, H5_ITER_INC, &position, collect_attribute,
              &attributes);
  return attributes;
}

std::int64_t ShowerReader::chunk_rows() const {
  const std::int64_t row_bytes = std::int64_t{voxels()} * std::int64_t{sizeof(float)};
  const std::int64_t usual = std::max<std::int64_t>(step_bytes / row_bytes, 1);
  const std::int64_t longest = std::max<std::int64_t>(longest_step_bytes / row_bytes, 1);
  const auto chunk = static_cast<std::int64_t>(
      std::min<hsize_t>(impl_->showers.chunk_rows, static_cast<hsize_t>(longest)));
  if (chunk == 0) return usual;
  return std::max<std::int64_t>(usual / chunk, 1) * chunk;
}

void ShowerReader::read(std::int64_t first, std::int64_t count, ShowerBatch& batch) const {
  if (first < 0 || count < 0 || first > size() || count > size() - first) {
    throw about_file(impl_->file,
                     count == 1 ? fmt::format("has no row {}", first)
                                : fmt::format("has no {} rows from {} on", count, first),
                     fmt::format("it has {} showers", size()), "ask for rows that there are");
  }
  const Hdf5Section section;
  batch.voxels = voxels();
  batch.incident_energies.resize(static_cast<std::size_t>(count));
  batch.energies.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(voxels()));
  read_rows(impl_->file, energies_name, impl_->energies, first, count,
            batch.incident_energies.data());
  read_rows(impl_->file, showers_name, impl_->showers, first, count, batch.energies.data());
}

ShowerBatch ShowerReader::read(std::int64_t first, std::int64_t count) const {
  ShowerBatch batch;
  read(first, count, batch);
  return batch;
}

std::vector<float> ShowerReader::incident_energies() const {
  const Hdf5Section section;
  std::vector<float> energies(static_cast<std::size_t>(size()));
  read_rows(impl_->file, energies_name, impl_->energies, 0, size(), energies.data());
  return energies;
}

namespace {

/// Keeps `bits` of the mantissa's 23, to nearest, ties to even. Infinite values and NaN stay.
float round_mantissa(float value, int bits) {
  constexpr int mantissa_bits = 23;
  if (bits >= mantissa_bits || !std::isfinite(value)) return value;
  const int dropped = mantissa_bits - bits;
  const std::uint32_t mask = (1U << dropped) - 1U;
  const auto pattern = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t nearly_half = (1U << (dropped - 1)) - 1U;
  const std::uint32_t odd = (pattern >> dropped) & 1U;
  const auto rounded = std::bit_cast<float>((pattern + nearly_half + odd) & ~mask);
  return std::isfinite(rounded) ? rounded : std::bit_cast<float>(pattern & ~mask);
}

}  // namespace

struct ShowerWriter::Impl {
  fs::path file;
  Options options;
  std::unique_ptr<Hdf5Output> output;  ///< outlives what HDF5 has open in it
  Hdf5Handle root;
  Hdf5Handle energies;
  Hdf5Handle showers;
  std::int64_t chunk_rows = 0;
  std::int64_t written = 0;
  ShowerBatch pending;  ///< less than one piece of the file
  bool finished = false;
  bool failed = false;  ///< rows are lost: the file must not get its name

  Impl(fs::path path, int voxels, const Attributes& attributes, Options chosen)
      : file(std::move(path)), options(chosen) {
    check(voxels);
    pending.voxels = voxels;
    const std::int64_t row_bytes = std::int64_t{voxels} * std::int64_t{sizeof(float)};
    chunk_rows =
        std::clamp<std::int64_t>(written_chunk_bytes / row_bytes, 1, longest_written_chunk);
    output = std::make_unique<Hdf5Output>(file);
    create(voxels, attributes);
  }

  void check(int voxels) const {
    if (voxels < 1) {
      throw about_file(file, fmt::format("cannot hold showers of {} voxels", voxels),
                       "a shower has at least one", "give a geometry");
    }
    if (options.compression < 0 || options.compression > 9) {
      throw about_file(file, fmt::format("cannot be compressed at level {}", options.compression),
                       "deflate has the levels 0 to 9", "choose one of these");
    }
    if (options.mantissa_bits < 1 || options.mantissa_bits > 23) {
      throw about_file(file,
                       fmt::format("cannot keep {} bits of a mantissa", options.mantissa_bits),
                       "float32 has 23", "choose 1 to 23");
    }
  }

  [[noreturn]] void fail() {
    failed = true;
    const std::string refusal = last_hdf5_error();
    throw about_file(file, "cannot be written",
                     output->error() != 0 ? std::strerror(output->error()) : refusal,
                     "check the free space and the permissions of its folder");
  }

  /// Of what HDF5 has been told to write nothing may be lost.
  void check_disk() {
    if (output->error() != 0) fail();
  }

  Hdf5Handle create_data_set(const char* name, hsize_t width, hsize_t rows_of_chunk) {
    const std::array<hsize_t, 2> now{0, width};
    const std::array<hsize_t, 2> most{H5S_UNLIMITED, width};
    const std::array<hsize_t, 2> chunk{rows_of_chunk, width};
    const Hdf5Handle space(H5Screate_simple(2, now.data(), most.data()), H5Sclose);
    const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_chunk(creation.get(), 2, chunk.data());
    H5Pset_obj_track_times(creation.get(), false);  // equal content gives equal files
    if (options.compression > 0) {
      H5Pset_shuffle(creation.get());
      H5Pset_deflate(creation.get(), static_cast<unsigned>(options.compression));
    }
    const hid_t type = options.precision == Precision::float64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE;
    Hdf5Handle set(
        H5Dcreate2(root.get(), name, type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
        H5Dclose);
    if (!set) fail();
    return set;
  }

  void write_attribute(const std::string& name, const std::string& value) {
    const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type.get(), H5T_VARIABLE);
    H5Tset_cset(type.get(), H5T_CSET_UTF8);
    const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose);
    const Hdf5Handle attribute(
        H5Acreate2(root.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
        H5Aclose);
    const char* text = value.c_str();
    if (!attribute || H5Awrite(attribute.get(), type.get(), &text) < 0) fail();
  }

  void create(int voxels, const Attributes& attributes) {
    const Hdf5Section section;
    root = output->create();
    if (!root) fail();
    energies = create_data_set(energies_name, 1, longest_written_chunk);
    showers = create_data_set(showers_name, static_cast<hsize_t>(voxels),
                              static_cast<hsize_t>(chunk_rows));
    for (const auto& [name, value] : attributes) write_attribute(name, value);
  }

  void append_rows(const Hdf5Handle& set, hsize_t width, hsize_t rows, const float* values) {
    const auto before = static_cast<hsize_t>(written);
    const std::array<hsize_t, 2> now{before + rows, width};
    const std::array<hsize_t, 2> start{before, 0};
    const std::array<hsize_t, 2> extent{rows, width};
    if (H5Dset_extent(set.get(), now.data()) < 0) fail();
    const Hdf5Handle to(H5Dget_space(set.get()), H5Sclose);
    H5Sselect_hyperslab(to.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr);
    const Hdf5Handle from(H5Screate_simple(2, extent.data(), nullptr), H5Sclose);
    if (H5Dwrite(set.get(), H5T_NATIVE_FLOAT, from.get(), to.get(), H5P_DEFAULT, values) < 0) {
      fail();
    }
  }

  /// Writes what is pending: whole pieces, and at the end the rest.
  void flush() {
    const Hdf5Section section;
    const auto rows = static_cast<hsize_t>(pending.size());
    if (rows == 0) return;
    append_rows(energies, 1, rows, pending.incident_energies.data());
    append_rows(showers, static_cast<hsize_t>(pending.voxels), rows, pending.energies.data());
    written += pending.size();
    pending.incident_energies.clear();
    pending.energies.clear();
    check_disk();
  }

  void take(float incident_energy, std::span<const float> shower) {
    pending.incident_energies.push_back(incident_energy);
    if (options.mantissa_bits == 23) {
      pending.energies.insert(pending.energies.end(), shower.begin(), shower.end());
    } else {
      for (const float energy : shower) {
        pending.energies.push_back(round_mantissa(energy, options.mantissa_bits));
      }
    }
    if (pending.size() == chunk_rows) flush();
  }

  void finish() {
    if (failed) {
      throw about_file(file, "cannot be finished", "writing it has failed before",
                       "free the disk and write all of it again");
    }
    flush();
    const Hdf5Section section;
    const bool closed = showers.close() && energies.close() && root.close();
    if (!closed) fail();
    check_disk();
    output->publish();
    finished = true;
  }
};

ShowerWriter::ShowerWriter(const fs::path& file, int voxels, const Attributes& attributes,
                           Options options)
    : impl_(std::make_unique<Impl>(file, voxels, attributes, options)) {}
ShowerWriter::~ShowerWriter() = default;

void ShowerWriter::append(const ShowerBatch& batch) {
  if (batch.voxels != impl_->pending.voxels) {
    throw about_file(impl_->file, fmt::format("cannot take showers of {} voxels", batch.voxels),
                     fmt::format("its showers have {}", impl_->pending.voxels),
                     "write them to another file");
  }
  assert(!impl_->finished);
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    impl_->take(batch.incident_energies[static_cast<std::size_t>(i)], batch.shower(i));
  }
}

void ShowerWriter::finish() { impl_->finish(); }

}  // namespace moliere::calo
