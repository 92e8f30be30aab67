// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/file.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/hash.hpp"
#include "moliere/core/json.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere {
namespace {
namespace fs = std::filesystem;

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator{}));
}

TEST(File, WritesWholeFilesAndMakesFolders) {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "a" / "b" / "file.txt";
  write_atomically(path, "first");
  write_atomically(path, "second");
  EXPECT_EQ(read_text(path), "second");
  EXPECT_EQ(entries(path.parent_path()), 1U) << "no temporary file stays behind";
}

TEST(File, FullDiskIsAnErrorThatLeavesNothing) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  EXPECT_THROW(write_atomically("/dev/full/file", "text"), Error);
  const TemporaryDirectory folder;
  fs::create_directory(folder.path() / "taken");
  EXPECT_THROW(write_atomically(folder.path() / "taken", "text"), Error);
  EXPECT_EQ(entries(folder.path()), 1U);
}

TEST(File, WhatCannotBeWrittenIsKnownBefore) {
  const TemporaryDirectory folder;
  EXPECT_NO_THROW(require_writable(folder.path() / "new" / "file.json"));
  EXPECT_TRUE(fs::is_empty(folder.path() / "new"));
  EXPECT_THROW(require_writable(folder.path()), Error);  // a folder
  write_atomically(folder.path() / "file", "text");
  EXPECT_THROW(require_writable(folder.path() / "file" / "below"), Error);
  EXPECT_EQ(read_text(folder.path() / "file"), "text");
  EXPECT_THROW(require_writable("/proc/no/file"), Error);
}

TEST(File, MissingFileSaysWhichAndWhy) {
  try {
    read_text("/nowhere/at/all");
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("/nowhere/at/all"));
    EXPECT_THAT(error.what(), testing::HasSubstr("No such file"));
  }
  EXPECT_THROW(read_text("/tmp"), Error);
}

TEST(File, TemporaryDirectoryIsRemovedWithItsContent) {
  fs::path path;
  {
    const TemporaryDirectory folder;
    path = folder.path();
    write_atomically(path / "x" / "y", "z");
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(Json, BrokenTextIsAnErrorWithItsPosition) {
  const TemporaryDirectory folder;
  write_atomically(folder.path() / "a.json", "{\"a\": 1,");
  try {
    read_json(folder.path() / "a.json");
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("a.json is not JSON"));
    EXPECT_THAT(error.what(), testing::HasSubstr("column"));
  }
}

TEST(ContentHash, DependsOnThePartsAndTheirBorders) {
  const std::string ab_c = ContentHash().add("ab").add("c").hex();
  EXPECT_EQ(ab_c, ContentHash().add("ab").add("c").hex());
  EXPECT_NE(ab_c, ContentHash().add("a").add("bc").hex());
  EXPECT_EQ(ab_c.size(), 32U);
}

}  // namespace
}  // namespace moliere
