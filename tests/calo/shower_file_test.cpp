// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/shower_file.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/random.hpp"

#include <bit>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace moliere::calo {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;

ShowerBatch make_batch(std::int64_t rows, int voxels, std::uint64_t seed = 1) {
  RandomStream random(seed);
  ShowerBatch batch;
  batch.voxels = voxels;
  for (std::int64_t i = 0; i < rows; ++i) {
    batch.incident_energies.push_back(static_cast<float>(random.uniform(1e3, 1e5)));
    for (int v = 0; v < voxels; ++v) {
      const bool hit = random.uniform() < 0.3;
      batch.energies.push_back(hit ? static_cast<float>(std::exp(3 * random.normal())) : 0.0F);
    }
  }
  return batch;
}

ShowerBatch part_of(const ShowerBatch& batch, std::int64_t first, std::int64_t count) {
  ShowerBatch part;
  part.voxels = batch.voxels;
  for (std::int64_t i = first; i < first + count; ++i) {
    part.incident_energies.push_back(batch.incident_energies[static_cast<std::size_t>(i)]);
    const auto shower = batch.shower(i);
    part.energies.insert(part.energies.end(), shower.begin(), shower.end());
  }
  return part;
}

void write_file(const fs::path& file, const ShowerBatch& batch, const Attributes& attributes = {},
                ShowerWriter::Options options = {}) {
  ShowerWriter writer(file, batch.voxels, attributes, options);
  writer.append(batch);
  writer.finish();
}

ShowerBatch read_all(const ShowerReader& reader) { return reader.read(0, reader.size()); }

std::string error_of(const fs::path& file, int voxels = 0) {
  try {
    const ShowerReader reader(file, voxels);
    read_all(reader);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator{}));
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(
      a, b, {}, [](float x) { return std::bit_cast<std::uint32_t>(x); },
      [](float x) { return std::bit_cast<std::uint32_t>(x); });
}

/// A file as foreign programs may write it, by HDF5's own means.
struct ForeignFile {
  fs::path path;
  hid_t file;
  explicit ForeignFile(const fs::path& where)
      : path(where), file(H5Fcreate(where.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
  ~ForeignFile() { H5Fclose(file); }
  ForeignFile(const ForeignFile&) = delete;
  ForeignFile& operator=(const ForeignFile&) = delete;

  template <class T>
  void add(const char* name, const std::vector<hsize_t>& shape, const std::vector<T>& values,
           hid_t type, const std::vector<hsize_t>& chunk = {}) {
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (!chunk.empty()) {
      H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
      H5Pset_deflate(creation, 4);
    }
    const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    const hid_t memory = std::is_same_v<T, double>  ? H5T_NATIVE_DOUBLE
                         : std::is_same_v<T, float> ? H5T_NATIVE_FLOAT
                                                    : H5T_NATIVE_INT;
    H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(set);
    H5Pclose(creation);
    H5Sclose(space);
  }
};

TEST(ShowerFile, ComesBackBitByBit) {
  const TemporaryDirectory folder;
  const fs::path file = folder.path() / "deep" / "showers.h5";
  ShowerBatch batch = make_batch(3000, 368);
  batch.energies[0] = std::numeric_limits<float>::quiet_NaN();
  batch.energies[1] = -0.0F;
  batch.energies[2] = std::numeric_limits<float>::denorm_min();
  batch.energies[3] = std::numeric_limits<float>::infinity();
  const Attributes notes{{"generator", "Molière"}, {"empty", ""}};
  write_file(file, batch, notes);

  const ShowerReader reader(file, 368);
  EXPECT_EQ(reader.size(), 3000);
  EXPECT_EQ(reader.voxels(), 368);
  EXPECT_EQ(reader.precision(), Precision::float32);
  EXPECT_EQ(reader.attributes(), notes);
  const ShowerBatch read = read_all(reader);
  EXPECT_TRUE(same_bits(read.energies, batch.energies));
  EXPECT_TRUE(same_bits(read.incident_energies, batch.incident_energies));
  EXPECT_EQ(reader.incident_energies(), batch.incident_energies);
  EXPECT_EQ(entries(file.parent_path()), 1U) << "no temporary file stays behind";
}

TEST(ShowerFile, AnyPieceCanBeRead) {
  const TemporaryDirectory folder;
  const fs::path file = folder.path() / "showers.h5";
  const ShowerBatch batch = make_batch(1000, 368);
  write_file(file, batch);
  const ShowerReader reader(file);
  ShowerBatch piece;
  for (const auto& [first, count] :
       {std::pair{0, 0}, {0, 1}, {355, 3}, {357, 500}, {999, 1}, {1000, 0}, {0, 1000}}) {
    reader.read(first, count, piece);
    const ShowerBatch expected = part_of(batch, first, count);
    EXPECT_TRUE(same_bits(piece.energies, expected.energies)) << first << " + " << count;
    EXPECT_EQ(piece.incident_energies, expected.incident_energies);
  }
  EXPECT_THROW(reader.read(0, 1001), Error);
  try {
    reader.read(500, 501);
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has no 501 rows from 500 on (it has 1000 showers)"));
  }
  EXPECT_THROW(reader.read(-1, 1), Error);
  EXPECT_THROW(reader.read(1001, 0), Error);
  EXPECT_THROW(reader.read(1, std::numeric_limits<std::int64_t>::max()), Error);
  EXPECT_GE(reader.chunk_rows(), 1);
}

TEST(ShowerFile, BytesDoNotDependOnHowItWasAppended) {
  const TemporaryDirectory folder;
  const ShowerBatch batch = make_batch(1500, 100);
  write_file(folder.path() / "once.h5", batch);
  {
    ShowerWriter writer(folder.path() / "pieces.h5", 100);
    for (std::int64_t row = 0; row < batch.size();) {
      const std::int64_t rows = std::min<std::int64_t>(row % 7 == 0 ? 1 : 411, batch.size() - row);
      writer.append(part_of(batch, row, rows));
      row += rows;
    }
    writer.finish();
  }
  EXPECT_EQ(read_bytes(folder.path() / "once.h5"), read_bytes(folder.path() / "pieces.h5"));
}

TEST(ShowerFile, WideShowersAndNoneAtAll) {
  const TemporaryDirectory folder;
  const ShowerBatch wide = make_batch(9, 40500);
  write_file(folder.path() / "wide.h5", wide);
  EXPECT_EQ(read_all(ShowerReader(folder.path() / "wide.h5")).energies, wide.energies);
  ShowerBatch none;
  none.voxels = 6480;
  write_file(folder.path() / "none.h5", none);
  const ShowerReader reader(folder.path() / "none.h5");
  EXPECT_EQ(reader.size(), 0);
  EXPECT_EQ(reader.voxels(), 6480);
  EXPECT_TRUE(reader.incident_energies().empty());
}

TEST(ShowerFile, Float64IsRoundedToFloat32) {
  const TemporaryDirectory folder;
  const fs::path file = folder.path() / "double.h5";
  const std::vector<double> energies{0.1, 1.0 / 3, 1e-300, 16777217.0, 2, 3};
  {
    ForeignFile foreign(file);
    foreign.add<double>("incident_energies", {2}, {1000.1, 2000}, H5T_IEEE_F64LE);
    foreign.add<double>("showers", {2, 3}, energies, H5T_IEEE_F64LE);
  }
  const ShowerReader reader(file, 3);
  EXPECT_EQ(reader.precision(), Precision::float64);
  const ShowerBatch batch = read_all(reader);
  for (std::size_t i = 0; i < energies.size(); ++i) {
    EXPECT_EQ(batch.energies[i], static_cast<float>(energies[i]));
  }
  EXPECT_EQ(batch.incident_energies, (std::vector<float>{1000.1F, 2000}));

  ShowerWriter::Options options;
  options.precision = Precision::float64;
  write_file(folder.path() / "again.h5", batch, {}, options);
  const ShowerReader again(folder.path() / "again.h5");
  EXPECT_EQ(again.precision(), Precision::float64);
  EXPECT_EQ(read_all(again).energies, batch.energies);
}

TEST(ShowerFile, ForeignLayoutsAreRead) {
  const TemporaryDirectory folder;
  const fs::path file = folder.path() / "foreign.h5";
  // (N, layers, alpha, r) = (3, 2, 2, 5); pieces smaller than a row, big-endian numbers.
  std::vector<float> energies;
  for (int i = 0; i < 60; ++i) energies.push_back(static_cast<float>(i) / 7);
  {
    ForeignFile foreign(file);
    foreign.add<float>("incident_energies", {3, 1}, {1, 2, 3}, H5T_IEEE_F32BE);
    foreign.add<float>("showers", {3, 2, 2, 5}, energies, H5T_IEEE_F32BE, {2, 1, 2, 3});
  }
  const ShowerReader reader(file, 20);
  EXPECT_EQ(reader.size(), 3);
  EXPECT_EQ(read_all(reader).energies, energies);
  EXPECT_THAT(reader.read(1, 2).energies,
              testing::ElementsAreArray(energies.begin() + 20, energies.end()));
}

TEST(ShowerFile, AttributesOfOtherKindsAreShownAsText) {
  const TemporaryDirectory folder;
  const fs::path file = folder.path() / "notes.h5";
  {
    ForeignFile foreign(file);
    foreign.add<float>("incident_energies", {1}, {1}, H5T_IEEE_F32LE);
    foreign.add<float>("showers", {1, 1}, {1}, H5T_IEEE_F32LE);
    const hid_t scalar = H5Screate(H5S_SCALAR);
    const hsize_t three = 3;
    const hid_t list = H5Screate_simple(1, &three, nullptr);
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 4);
    const auto put = [&](const char* name, hid_t type, hid_t space, const void* value) {
      const hid_t id = H5Acreate2(foreign.file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
      H5Awrite(id, type, value);
      H5Aclose(id);
    };
    const int number = 42;
    const double real = 0.5;
    const double reals[] = {1, 2, 3};
    put("number", H5T_NATIVE_INT, scalar, &number);
    put("real", H5T_NATIVE_DOUBLE, scalar, &real);
    put("list", H5T_NATIVE_DOUBLE, list, reals);
    put("fixed", text, scalar, "abcd");
    H5Tclose(text);
    H5Sclose(list);
    H5Sclose(scalar);
  }
  const Attributes expected{
      {"number", "42"}, {"real", "0.5"}, {"list", "(3 values)"}, {"fixed", "abcd"}};
  EXPECT_EQ(ShowerReader(file).attributes(), expected);
}

TEST(ShowerFile, OfAnotherKindOrShapeSaysSo) {
  const TemporaryDirectory folder;
  const auto with = [&](const auto& fill) {
    const fs::path file = folder.path() / "wrong.h5";
    {
      ForeignFile foreign(file);
      fill(foreign);
    }
    return error_of(file);
  };
  const hid_t f32 = H5T_IEEE_F32LE;
  EXPECT_THAT(with([](ForeignFile&) {}), HasSubstr("has no data set incident_energies"));
  EXPECT_THAT(with([&](ForeignFile& file) {
                file.add<float>("incident_energies", {1, 1}, {1}, f32);
              }),
              HasSubstr("has no data set showers"));
  const auto shapes = [&](const std::vector<hsize_t>& energies, const std::vector<hsize_t>& showers,
                          hid_t type = H5T_IEEE_F32LE) {
    return with([&](ForeignFile& file) {
      file.add<float>("incident_energies", energies, std::vector<float>(100), f32);
      file.add<float>("showers", showers, std::vector<float>(100), type);
    });
  };
  EXPECT_THAT(shapes({2, 1}, {2, 3}), HasSubstr("no error"));
  EXPECT_THAT(shapes({2, 1}, {3, 3}), HasSubstr("2 incident energies and 3 showers"));
  EXPECT_THAT(shapes({2, 2}, {2, 3}), HasSubstr("incident_energies has the shape (2, 2)"));
  EXPECT_THAT(shapes({2, 1}, {2}), HasSubstr("showers has the shape (2)"));
  EXPECT_THAT(shapes({2, 1}, {2, 3, 3}), HasSubstr("showers has the shape (2, 3, 3)"));
  EXPECT_THAT(shapes({2, 1}, {2, 0}), HasSubstr("showers has the shape (2, 0)"));
  EXPECT_THAT(shapes({2, 1}, {2, 3}, H5T_STD_I32LE), HasSubstr("no floating-point numbers"));
  EXPECT_THAT(with([&](ForeignFile& file) {
                file.add<float>("incident_energies", {1, 1}, {1}, f32);
                const hid_t group =
                    H5Gcreate2(file.file, "showers", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
                H5Gclose(group);
              }),
              HasSubstr("showers cannot be opened"));
}

TEST(ShowerFile, OfAnotherWidthSaysSo) {
  const TemporaryDirectory folder;
  write_file(folder.path() / "narrow.h5", make_batch(2, 368));
  EXPECT_THAT(error_of(folder.path() / "narrow.h5", 6480),
              testing::AllOf(HasSubstr("368 voxels"), HasSubstr("6480"), HasSubstr("narrow.h5")));
}

TEST(ShowerFile, WhatIsNoHdf5SaysSo) {
  const TemporaryDirectory folder;
  EXPECT_THAT(error_of(folder.path() / "none.h5"), HasSubstr("no such file"));
  EXPECT_THAT(error_of(folder.path()), HasSubstr("is a folder"));
  write_atomically(folder.path() / "empty.h5", "");
  EXPECT_THAT(error_of(folder.path() / "empty.h5"), HasSubstr("is empty"));
  write_atomically(folder.path() / "text.h5", "incident_energies, showers\n1, 2\n");
  EXPECT_THAT(error_of(folder.path() / "text.h5"), HasSubstr("is not HDF5"));
  write_atomically(folder.path() / "long.h5", std::string(100000, 'x'));
  EXPECT_THAT(error_of(folder.path() / "long.h5"), HasSubstr("is not HDF5"));
}

TEST(ShowerFile, TruncatedAnywhereIsAnError) {
  const TemporaryDirectory folder;
  write_file(folder.path() / "whole.h5", make_batch(500, 368), {{"a", "b"}});
  const std::vector<std::byte> bytes = read_bytes(folder.path() / "whole.h5");
  const fs::path cut = folder.path() / "cut.h5";
  for (const std::size_t length :
       {std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{40}, std::size_t{96},
        std::size_t{2048}, bytes.size() / 3, bytes.size() / 2, bytes.size() - 1}) {
    write_atomically(cut, std::span(bytes).first(length));
    const std::string error = error_of(cut);
    EXPECT_THAT(error, HasSubstr("cut.h5: ")) << length;
    if (length >= 96) {
      EXPECT_THAT(error, HasSubstr("is truncated")) << length;
    }
  }
}

TEST(ShowerFile, DamagedPiecesAreErrorsWithTheirRows) {
  const TemporaryDirectory folder;
  const fs::path file = folder.path() / "damaged.h5";
  write_file(file, make_batch(2000, 368));
  std::vector<std::byte> bytes = read_bytes(file);
  // The middle of the file lies in compressed showers.
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2), 4096, std::byte{0x55});
  write_atomically(file, std::span<const std::byte>(bytes));
  EXPECT_THAT(error_of(file), testing::AllOf(HasSubstr("rows 0 to 1999 of showers cannot be read"),
                                             HasSubstr("damaged")));
}

TEST(ShowerWriter, WithoutFinishNothingStays) {
  const TemporaryDirectory folder;
  const fs::path file = folder.path() / "showers.h5";
  write_file(file, make_batch(10, 5));
  const auto before = read_bytes(file);
  {
    ShowerWriter writer(file, 368);
    writer.append(make_batch(2000, 368));
    EXPECT_THROW(writer.append(make_batch(1, 367)), Error);
    EXPECT_EQ(entries(folder.path()), 2U) << "it is being written beside the old one";
  }
  EXPECT_EQ(entries(folder.path()), 1U);
  EXPECT_EQ(read_bytes(file), before);
}

TEST(ShowerWriter, WrongWishesAreErrors) {
  const TemporaryDirectory folder;
  const fs::path file = folder.path() / "showers.h5";
  const auto with = [](int compression, int bits) {
    ShowerWriter::Options options;
    options.compression = compression;
    options.mantissa_bits = bits;
    return options;
  };
  EXPECT_THROW(ShowerWriter(file, 5, {}, with(10, 23)), Error);
  EXPECT_THROW(ShowerWriter(file, 5, {}, with(-1, 23)), Error);
  EXPECT_THROW(ShowerWriter(file, 5, {}, with(4, 0)), Error);
  EXPECT_THROW(ShowerWriter(file, 5, {}, with(4, 24)), Error);
  EXPECT_THROW(ShowerWriter(file, 0), Error);
  EXPECT_EQ(entries(folder.path()), 0U);
  EXPECT_THROW(ShowerWriter("/proc/showers.h5", 5), Error);
}

TEST(ShowerWriter, RoundsMantissasToNearest) {
  const TemporaryDirectory folder;
  const fs::path file = folder.path() / "rounded.h5";
  const auto inf = std::numeric_limits<float>::infinity();
  ShowerBatch batch;
  batch.voxels = 7;
  batch.incident_energies = {1000.123F};
  // With 2 bits: 1, 1.25, 1.5, 1.75; a tie goes to the even neighbour.
  batch.energies = {1.1F, 1.125F, 1.375F, 1.9F, 0.0F, inf, std::numeric_limits<float>::max()};
  ShowerWriter::Options options;
  options.mantissa_bits = 2;
  write_file(file, batch, {}, options);
  const ShowerBatch read = read_all(ShowerReader(file));
  EXPECT_THAT(read.energies,
              testing::ElementsAre(1.0F, 1.0F, 1.5F, 2.0F, 0.0F, inf, std::ldexp(1.75F, 127)));
  EXPECT_EQ(read.incident_energies.front(), 1000.123F) << "conditions stay exact";

  const ShowerBatch many = make_batch(50, 368);
  options.mantissa_bits = 11;
  write_file(file, many, {}, options);
  const ShowerBatch rounded = read_all(ShowerReader(file));
  for (std::size_t i = 0; i < many.energies.size(); ++i) {
    ASSERT_LE(std::abs(rounded.energies[i] - many.energies[i]), std::ldexp(many.energies[i], -12));
  }
}

/// Writes more than the process may, in a child, as on a full disk. Returns the child's exit code
/// and leaves the message in `said`.
int write_too_much(const fs::path& folder, std::int64_t allowed, const fs::path& said) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const auto limit = static_cast<rlim_t>(allowed);
    const rlimit small{limit, limit};
    ::setrlimit(RLIMIT_FSIZE, &small);
    int code = 1;
    try {
      ShowerWriter::Options options;
      options.compression = 0;
      write_file(folder / "showers.h5", make_batch(4000, 368), {}, options);
    } catch (const Error& error) {
      std::ofstream(said) << error.what();
      code = 42;
    }
    std::exit(code);  // also through HDF5's own clearing up, which must not hang
  }
  ::alarm(60);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::alarm(0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(ShowerWriter, FullDiskIsAnErrorThatLeavesNothing) {
  for (const std::int64_t allowed : {1000, 100'000, 3'000'000, 5'887'000}) {
    const TemporaryDirectory folder;
    const TemporaryDirectory notes;
    EXPECT_EQ(write_too_much(folder.path(), allowed, notes.path() / "said"), 42) << allowed;
    EXPECT_EQ(entries(folder.path()), 0U) << allowed;
    EXPECT_THAT(read_text(notes.path() / "said"), HasSubstr("showers.h5: cannot be written"));
    EXPECT_THAT(read_text(notes.path() / "said"), HasSubstr("File too large")) << allowed;
  }
}

TEST(ShowerFile, RealSampleIsRead) {
  const char* shared = std::getenv("MOLIERE_SHARED");
  if (shared == nullptr) GTEST_SKIP() << "MOLIERE_SHARED is not set: no real showers";
  const fs::path file = fs::path(shared) / "data" / "electrons_ds2_1.h5";
  if (!fs::exists(file)) GTEST_SKIP() << file.string() << " is missing";
  const ShowerReader reader(file, 6480);
  EXPECT_EQ(reader.size(), 8800);
  EXPECT_EQ(reader.attributes().at("particle"), "electron");
  const ShowerBatch batch = reader.read(8799, 1);
  EXPECT_GT(batch.incident_energies.front(), 1000);
}

}  // namespace
}  // namespace moliere::calo
