// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace moliere::calo {

/// Consecutive showers of a file, or made by a generator.
struct ShowerBatch {
  int voxels = 0;                        ///< V
  std::vector<float> incident_energies;  ///< (N) [MeV]
  std::vector<float> energies;           ///< (N, V) [MeV], voxel fastest

  std::int64_t size() const { return static_cast<std::int64_t>(incident_energies.size()); }
  std::span<const float> shower(std::int64_t i) const;
  std::span<float> shower(std::int64_t i);
};

enum class Precision { float32, float64 };

/// The notes of a file: generator, versions, seeds; written as HDF5 attributes of the root group.
using Attributes = std::map<std::string, std::string>;

/// Reads showers in pieces: a file may be larger than the memory.
/// Layout: `incident_energies` (N,1) or (N), `showers` (N,V) or (N, layers, alpha, r), MeV,
/// float32 or float64 (rounded to float32), any chunking and compression.
class ShowerReader {
 public:
  /// Throws Error: no such file, not HDF5, truncated, a data set missing or of another shape, kind
  /// or length, or not `expected_voxels` wide (0: any width).
  explicit ShowerReader(const std::filesystem::path& file, int expected_voxels = 0);
  ~ShowerReader();
  ShowerReader(ShowerReader&&) noexcept;
  ShowerReader& operator=(ShowerReader&&) noexcept;

  std::int64_t size() const;  ///< N
  int voxels() const;         ///< V
  Precision precision() const;
  const std::filesystem::path& file() const;
  Attributes attributes() const;
  /// Rows of one compressed piece of the file, or a few MiB worth of rows: the cheapest step.
  std::int64_t chunk_rows() const;

  /// Rows [first, first + count); throws Error outside the file or when the data are damaged.
  ShowerBatch read(std::int64_t first, std::int64_t count) const;
  /// The same into `batch`, whose memory is used again.
  void read(std::int64_t first, std::int64_t count, ShowerBatch& batch) const;
  /// All incident energies (N) [MeV].
  std::vector<float> incident_energies() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes showers in pieces to a temporary name beside `file`; `finish` syncs and renames it.
/// Without `finish` nothing stays.
class ShowerWriter {
 public:
  struct Options {
    Precision precision = Precision::float32;
    int compression = 4;  ///< deflate 0 to 9, with byte shuffle
    /// Mantissa bits kept of a float32 voxel (23: all); fewer compress better. Rounds to nearest.
    int mantissa_bits = 23;
  };
  /// Throws Error when the folder cannot be written.
  ShowerWriter(const std::filesystem::path& file, int voxels, const Attributes& attributes,
               Options options);
  ShowerWriter(const std::filesystem::path& file, int voxels, const Attributes& attributes = {})
      : ShowerWriter(file, voxels, attributes, Options{}) {}
  ~ShowerWriter();
  ShowerWriter(const ShowerWriter&) = delete;
  ShowerWriter& operator=(const ShowerWriter&) = delete;

  /// Appends; the batch must be as wide as the file. Throws Error when the disk is full.
  void append(const ShowerBatch& batch);
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace moliere::calo
