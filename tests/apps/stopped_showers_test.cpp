// SPDX-License-Identifier: Apache-2.0
// Commands on showers that end before their time, by Ctrl-C or a full disk, leave nothing; and
// files larger than what is kept of them in memory pass through.
#include "moliere/calo/shower_file.hpp"
#include "moliere/core/file.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "apps/program.hpp"
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

namespace moliere {
namespace {
namespace fs = std::filesystem;
using calo::ShowerBatch;
using calo::ShowerReader;
using calo::ShowerWriter;
using test::Outcome;
using testing::ElementsAre;
using testing::HasSubstr;

using Words = std::vector<std::string>;

std::string sample(const std::string& name) {
  return (fs::path(std::getenv("MOLIERE_SOURCE_DIR")) / "data" / "showers" / name).string();
}

/// The photons of the sample, `times` times after each other, not compressed.
void write_many(const fs::path& file, int times) {
  const ShowerBatch batch = ShowerReader(sample("photons_ds1_sample.h5")).read(0, 3000);
  ShowerWriter::Options options;
  options.compression = 0;
  ShowerWriter writer(file, batch.voxels, {}, options);
  for (int i = 0; i < times; ++i) writer.append(batch);
  writer.finish();
}

class StoppedShowers : public testing::Test {
 protected:
  /// Everything in the folder but what the test itself brought.
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder.path())) {
      const std::string name = fs::relative(entry.path(), folder.path()).string();
      if (name != "stdout" && name != "stderr" && name != "tmp" && name != "many.h5") {
        names.push_back(name);
      }
    }
    std::ranges::sort(names);
    return names;
  }

  TemporaryDirectory folder{"moliere-stopped"};
  test::Program program{folder.path()};
};

TEST_F(StoppedShowers, CtrlCLeavesNothing) {
  write_many(folder.path() / "many.h5", 10);
  // Each takes seconds after the words that it is waited for: slow deflate, pairs of showers.
  const std::vector<std::pair<Words, std::string>> commands{
      {{"showers", "generate", "-g", "ds2", "-n", "1000000", "-o", "out/x.h5"}, "generating"},
      {{"showers", "convert", "many.h5", "out/x.h5", "--compression", "9"}, "copying"},
      {{"showers", "threshold", "many.h5", "out/x.h5", "-g", "ds1-photons", "--compression", "9"},
       "copying"},
      {{"showers", "split", "many.h5", "--parts", "20", "-o", "out/part", "--compression", "9"},
       "copying"},
      {{"showers", "merge", "many.h5", "many.h5", "-o", "out/x.h5", "--compression", "9"},
       "copying"},
      {{"evaluate", "many.h5", "many.h5", "-g", "ds1-photons", "--classifier", "none", "-o", "out"},
       "observing"}};
  for (const auto& [command, words] : commands) {
    program.start(command);
    EXPECT_TRUE(program.says(words)) << testing::PrintToString(command);
    program.signal(SIGINT);
    const Outcome outcome = program.wait();
    EXPECT_EQ(outcome.code, 130) << testing::PrintToString(command) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("moliere: interrupted, nothing was written\n"));
    EXPECT_THAT(left(), ElementsAre()) << testing::PrintToString(command);
    EXPECT_TRUE(fs::is_empty(program.temporary()));
  }
}

TEST_F(StoppedShowers, PartsThatWereDoneGoWithTheRest) {
  write_many(folder.path() / "many.h5", 10);
  program.start(
      {"showers", "split", "many.h5", "--parts", "20", "-o", "out/part", "--compression", "9"});
  for (int attempt = 0; attempt < 6000 && !fs::exists(folder.path() / "out" / "part1.h5");
       ++attempt) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_TRUE(fs::exists(folder.path() / "out" / "part1.h5"));
  program.signal(SIGINT);
  const Outcome outcome = program.wait();
  EXPECT_EQ(outcome.code, 130) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(left(), ElementsAre());
}

/// No file of this process and its children grows beyond that, as if the disk were full.
class DiskOf {
 public:
  explicit DiskOf(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~DiskOf() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  DiskOf(const DiskOf&) = delete;
  DiskOf& operator=(const DiskOf&) = delete;

 private:
  rlimit before_{};
};

TEST_F(StoppedShowers, AFullDiskIsSaidAndLeavesNothing) {
  const std::string photons = sample("photons_ds1_sample.h5");
  constexpr rlim_t some = 200 << 10;  // between evaluation.json and evaluation.html
  const std::vector<std::pair<Words, std::string>> commands{
      {{"showers", "generate", "-g", "ds2", "-n", "500", "-o", "out/x.h5"}, "out/x.h5"},
      {{"showers", "convert", photons, "out/x.h5"}, "out/x.h5"},
      {{"showers", "threshold", photons, "out/x.h5", "-g", "ds1-photons"}, "out/x.h5"},
      {{"showers", "split", photons, "--rows", "0:3000", "-o", "out/x"}, "out/x.h5"},
      {{"showers", "merge", photons, photons, "-o", "out/x.h5"}, "out/x.h5"},
      {{"showers", "plot", photons, "-g", "ds1-photons", "-o", "out/x.html"}, "out/x.html"},
      {{"evaluate", photons, photons, "-g", "ds1-photons", "--quick", "--classifier", "none", "-o",
        "out"},
       "out/evaluation.html"}};
  for (const auto& [command, file] : commands) {
    {
      const DiskOf limited(some);
      program.start(command);
    }
    const Outcome outcome = program.wait();
    EXPECT_EQ(outcome.code, 2) << testing::PrintToString(command);
    EXPECT_THAT(outcome.err, HasSubstr(file));
    EXPECT_THAT(outcome.err, HasSubstr("(File too large) check the free space"));
    EXPECT_THAT(left(), ElementsAre()) << testing::PrintToString(command);
  }
}

/// Runs the program; the most memory that it had [bytes], nothing where it failed.
std::int64_t peak_memory(const fs::path& folder, Words words) {
  words.insert(words.begin(),
               (fs::path(std::getenv("MOLIERE_BINARY_DIR")) / "bin" / "moliere").string());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  ::posix_spawn_file_actions_addopen(&actions, 1, "stdout", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::posix_spawn_file_actions_addopen(&actions, 2, "stderr", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t pid = -1;
  const int failed =
      ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return -1;
  int status = 0;
  rusage usage{};
  if (::wait4(pid, &status, 0, &usage) != pid) return -1;
  constexpr std::int64_t kibibyte = 1024;
  return status == 0 ? usage.ru_maxrss * kibibyte : -1;
}

TEST_F(StoppedShowers, LargeFilesPassThroughLittleMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers keep memory of their own";
#endif
  constexpr int times = 35;
  write_many(folder.path() / "many.h5", times);
  constexpr std::int64_t mebibyte = 1 << 20;
  ASSERT_GT(fs::file_size(folder.path() / "many.h5"), 145 * mebibyte);
  const std::vector<std::pair<Words, std::int64_t>> commands{
      {{"showers", "info", "many.h5"}, 60 * mebibyte},
      {{"showers", "convert", "many.h5", "x.h5", "--compression", "0"}, 60 * mebibyte},
      {{"showers", "split", "many.h5", "--rows", ":", "-o", "y", "--compression", "0"},
       60 * mebibyte},
      // Two pieces of 32 MiB, and 180 bytes of observables a shower.
      {{"showers", "plot", "many.h5", "-g", "ds1-photons", "-o", "x.html"}, 125 * mebibyte}};
  for (const auto& [command, limit] : commands) {
    const std::int64_t peak = peak_memory(folder.path(), command);
    EXPECT_GT(peak, 0) << testing::PrintToString(command) << read_text(folder.path() / "stderr");
    EXPECT_LT(peak, limit) << testing::PrintToString(command);
    RecordProperty(command[1] + "_MiB", fmt::to_string(peak / mebibyte));
  }
  const ShowerReader copy(folder.path() / "x.h5");
  ASSERT_EQ(copy.size(), 3000 * times);
  EXPECT_EQ(copy.read(3000 * times - 3000, 3000).energies, copy.read(0, 3000).energies);
  EXPECT_EQ(copy.read(0, 3000).energies,
            ShowerReader(sample("photons_ds1_sample.h5")).read(0, 3000).energies);
}

}  // namespace
}  // namespace moliere
