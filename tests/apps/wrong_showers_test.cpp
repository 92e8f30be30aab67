// SPDX-License-Identifier: Apache-2.0
// Every command on showers, given every kind of wrong file: one line that says what, why and what
// to do, exit code 2, and nothing is left behind.
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/file.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <limits>

#include "apps/program.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/stat.h>

namespace moliere {
namespace {
namespace fs = std::filesystem;
using calo::ShowerBatch;
using calo::ShowerReader;
using calo::ShowerWriter;
using test::Outcome;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

using Words = std::vector<std::string>;

std::string photons() {
  return (fs::path(std::getenv("MOLIERE_SOURCE_DIR")) / "data" / "showers" /
          "photons_ds1_sample.h5")
      .string();
}

/// The last line; progress lines, which begin with a bracket, may go before it.
std::string complaint(const std::string& err) {
  std::string rest = err;
  while (rest.starts_with('[')) rest.erase(0, rest.find('\n') + 1);
  return rest;
}

class WrongShowers : public testing::Test {
 protected:
  Outcome moliere(const Words& arguments) { return test::Program(folder.path()).run(arguments); }

  static ShowerBatch first(std::int64_t count) { return ShowerReader(photons()).read(0, count); }

  void write(const std::string& name, const ShowerBatch& batch) {
    ShowerWriter writer(folder.path() / name, batch.voxels);
    writer.append(batch);
    writer.finish();
  }

  /// 100 photons, changed by `change`.
  void write_changed(const std::string& name, const std::function<void(ShowerBatch&)>& change) {
    ShowerBatch batch = first(100);
    change(batch);
    write(name, batch);
  }

  void remove_data_set(const std::string& name, const char* data_set) {
    write(name, first(100));
    const hid_t file = H5Fopen((folder.path() / name).c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(H5Ldelete(file, data_set, H5P_DEFAULT), 0);
    H5Fclose(file);
  }

  std::vector<std::string> names_in_folder() const {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder.path())) {
      const std::string name = fs::relative(entry.path(), folder.path()).string();
      if (name != "stdout" && name != "stderr" && name != "tmp") names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
  }

  /// Runs `words` with `file` in the place of FILE; expects a refusal that holds `what`.
  void expect_refusal(Words words, const std::string& file, const std::string& what) {
    std::ranges::replace(words, std::string("FILE"), file);
    const std::string command = testing::PrintToString(words);
    const std::vector<std::string> before = names_in_folder();
    const Outcome outcome = moliere(words);
    EXPECT_EQ(outcome.code, 2) << command << outcome.err;
    const std::string said = complaint(outcome.err);
    EXPECT_THAT(said, MatchesRegex("moliere: [^\n]+ \\([^\n]+\\) [^\n]+\n")) << command;
    EXPECT_THAT(said, HasSubstr(what)) << command;
    EXPECT_THAT(outcome.out, IsEmpty()) << command;
    EXPECT_EQ(names_in_folder(), before) << command;
  }

  TemporaryDirectory folder{"moliere-wrong"};
};

/// What reads a file as showers of ds1-photons.
std::vector<Words> with_geometry() {
  return {{"showers", "validate", "FILE", "-g", "ds1-photons"},
          {"showers", "convert", "FILE", "out/x.h5", "-g", "ds1-photons"},
          {"showers", "threshold", "FILE", "out/x.h5", "-g", "ds1-photons"},
          {"showers", "plot", "FILE", "-g", "ds1-photons", "-o", "out/x.html"},
          {"evaluate", "FILE", photons(), "-g", "ds1-photons", "--classifier", "none", "-o", "out"},
          {"evaluate", photons(), "FILE", "-g", "ds1-photons", "--classifier", "none", "-o", "out"},
          {"evaluate", photons(), photons(), "-g", "ds1-photons", "--train", "FILE", "--classifier",
           "none", "-o", "out"}};
}

/// What reads a file of any width.
std::vector<Words> without_geometry() {
  return {{"showers", "info", "FILE"},
          {"showers", "convert", "FILE", "out/x.h5"},
          {"showers", "split", "FILE", "--parts", "2", "-o", "out/part"},
          {"showers", "split", "FILE", "--rows", "0:10", "-o", "out/x"},
          {"showers", "merge", "FILE", photons(), "-o", "out/x.h5"},
          {"showers", "merge", photons(), "FILE", "-o", "out/x.h5"}};
}

/// What computes with the energies.
std::vector<Words> figures() {
  return {
      {"showers", "plot", "FILE", "-g", "ds1-photons", "-o", "out/x.html"},
      {"evaluate", "FILE", photons(), "-g", "ds1-photons", "--classifier", "none", "-o", "out"},
      {"evaluate", photons(), "FILE", "-g", "ds1-photons", "--classifier", "none", "-o", "out"}};
}

TEST_F(WrongShowers, FilesThatAreNone) {
  const std::string whole = read_text(photons());
  write_atomically(folder.path() / "torn.h5", whole.substr(0, whole.size() / 2));
  write_atomically(folder.path() / "empty.h5", std::string_view());
  write_atomically(folder.path() / "text.h5", "showers, I promise");
  fs::create_directory(folder.path() / "folder.h5");
  remove_data_set("headless.h5", "incident_energies");
  remove_data_set("bodiless.h5", "showers");
  ShowerBatch narrow = first(100);
  narrow.voxels = 184;
  for (const float energy : std::vector(narrow.incident_energies)) {
    narrow.incident_energies.push_back(energy);
  }
  write("narrow.h5", narrow);

  std::vector<Words> all = with_geometry();
  std::ranges::copy(without_geometry(), std::back_inserter(all));
  for (const Words& command : all) {
    expect_refusal(command, "torn.h5", "torn.h5: is truncated");
    expect_refusal(command, "empty.h5", "empty.h5: is empty");
    expect_refusal(command, "text.h5", "text.h5: is not HDF5");
    expect_refusal(command, "folder.h5", "folder.h5: is a folder");
    expect_refusal(command, "absent.h5", "absent.h5: cannot be opened");
    expect_refusal(command, "headless.h5", "headless.h5: has no data set incident_energies");
    expect_refusal(command, "bodiless.h5", "bodiless.h5: has no data set showers");
  }
  for (const Words& command : with_geometry()) {
    expect_refusal(command, "narrow.h5", "narrow.h5: has showers of 184 voxels");
  }
}

TEST_F(WrongShowers, EnergiesThatCannotBe) {
  write_changed("nan.h5", [](ShowerBatch& batch) {
    batch.shower(42)[7] = std::numeric_limits<float>::quiet_NaN();
  });
  write_changed("infinite.h5", [](ShowerBatch& batch) {
    batch.shower(42)[7] = std::numeric_limits<float>::infinity();
  });
  write_changed("negative.h5", [](ShowerBatch& batch) { batch.shower(42)[7] = -0.5F; });
  write_changed("nothing.h5", [](ShowerBatch& batch) { batch.incident_energies[42] = 0; });
  write_changed("without.h5", [](ShowerBatch& batch) {
    batch.incident_energies.clear();
    batch.energies.clear();
  });
  for (const Words& command : figures()) {
    expect_refusal(command, "nan.h5", "nan.h5: a voxel of shower 42");
    expect_refusal(command, "infinite.h5", "infinite.h5: a voxel of shower 42");
    expect_refusal(command, "negative.h5", "1 voxels, the first in shower 42");
    expect_refusal(command, "nothing.h5", "nothing.h5: the incident energy of shower 42");
    expect_refusal(command, "without.h5", "without.h5");
  }
}

TEST_F(WrongShowers, CopiesKeepThemAndSaySo) {
  write_changed("bad.h5", [](ShowerBatch& batch) {
    batch.shower(42)[7] = std::numeric_limits<float>::quiet_NaN();
    batch.shower(50)[0] = -2;
    batch.shower(50)[1] = -2;
  });
  const auto copied = [&](const Words& words, const std::string& output, const std::string& said) {
    const Outcome outcome = moliere(words);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(complaint(outcome.err),
                said.empty() ? testing::Matcher<std::string>(IsEmpty()) : HasSubstr(said))
        << testing::PrintToString(words);
    return ShowerReader(folder.path() / output).read(0, 10);
  };
  copied({"showers", "convert", "bad.h5", "a.h5"}, "a.h5", "a.h5: 2 showers hold energies");
  copied({"showers", "merge", "bad.h5", "bad.h5", "-o", "b.h5"}, "b.h5", "b.h5: 4 showers hold");
  copied({"showers", "split", "bad.h5", "--rows", "43:100", "-o", "c"}, "c.h5",
         "c.h5: 1 showers hold");
  copied({"showers", "split", "bad.h5", "--rows", "0:42", "-o", "d"}, "d.h5", "");
  // The threshold is above what is negative.
  copied({"showers", "threshold", "bad.h5", "e.h5", "-g", "ds1-photons"}, "e.h5",
         "e.h5: 1 showers hold");
  EXPECT_EQ(moliere({"showers", "validate", "bad.h5", "-g", "ds1-photons"}).code, 1);
}

TEST_F(WrongShowers, AnOutputIsNoInput) {
  fs::copy_file(photons(), folder.path() / "in.h5");
  fs::copy_file(photons(), folder.path() / "in1.h5");
  fs::create_hard_link(folder.path() / "in.h5", folder.path() / "link.h5");
  fs::create_directory(folder.path() / "out");
  fs::create_symlink("../in.h5", folder.path() / "out" / "evaluation.html");
  ASSERT_EQ(::mkfifo((folder.path() / "pipe.h5").c_str(), 0600), 0);
  fs::create_directory(folder.path() / "folder.h5");
  const std::vector<Words> same{{"showers", "convert", "in.h5", "in.h5"},
                                {"showers", "convert", "in.h5", "./link.h5"},
                                {"showers", "threshold", "in.h5", "in.h5", "-g", "ds1-photons"},
                                {"showers", "split", "in.h5", "--rows", "0:10", "-o", "in"},
                                {"showers", "split", "in1.h5", "--parts", "2", "-o", "in"},
                                {"showers", "merge", "in1.h5", "in.h5", "-o", "in.h5"},
                                {"showers", "plot", "in.h5", "-g", "ds1-photons", "-o", "in.h5"},
                                {"evaluate", photons(), "in.h5", "-g", "ds1-photons", "-o", "out"}};
  for (const Words& command : same) expect_refusal(command, "", "is input and output");
  for (const std::string file : {"pipe.h5", "folder.h5"}) {
    for (const Words& command :
         std::vector<Words>{{"showers", "convert", "in.h5", "FILE"},
                            {"showers", "generate", "-g", "ds1-photons", "-n", "10", "-o", "FILE"},
                            {"showers", "plot", "in.h5", "-g", "ds1-photons", "-o", "FILE"}}) {
      expect_refusal(command, file, file + " cannot be written");
    }
  }
}

TEST_F(WrongShowers, OptionsThatCannotBe) {
  const std::vector<std::pair<Words, std::string>> wrong{
      {{"showers", "plot", photons(), "-g", "ds1-photons", "-o", "x.html", "--rows", "3000"},
       "has no row 3000"},
      {{"showers", "plot", photons(), "-g", "ds1-photons", "-o", "x.html", "--rows", "-1"},
       "--rows"},
      {{"showers", "plot", photons(), "-g", "ds9", "-o", "x.html"}, "ds9"},
      {{"showers", "generate", "-g", "ds2", "-n", "-5", "-o", "x.h5"}, "-n"},
      {{"showers", "generate", "-g", "ds2", "-n", "5", "--energies", "9:1", "-o", "x.h5"},
       "from 9 to 1"},
      {{"showers", "split", photons(), "--parts", "5000", "-o", "x"}, "5000 parts"},
      {{"showers", "split", photons(), "--rows", "9:1", "-o", "x"}, "9:1"},
      {{"evaluate", photons(), photons(), "-g", "ds1-photons", "--rows", "5"}, "5 showers"}};
  for (const auto& [command, what] : wrong) expect_refusal(command, "", what);
}

}  // namespace
}  // namespace moliere
