// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/system_files.hpp"

#include "bench/made_system.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::bench {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;

TEST(SystemFiles, MissingAndMalformedFilesAreEmpty) {
  MadeSystem system;
  system.file("number", " 42\n").file("word", "max\n").file("nothing", "");
  EXPECT_EQ(read_system_text(system.root() / "absent"), std::nullopt);
  EXPECT_EQ(read_system_text(system.root() / "nothing"), "");
  EXPECT_EQ(read_system_integer(system.root() / "number"), 42);
  EXPECT_EQ(read_system_integer(system.root() / "word"), std::nullopt);
  EXPECT_EQ(read_system_integer(system.root() / "nothing"), std::nullopt);
}

TEST(SystemFiles, CpuLists) {
  EXPECT_THAT(parse_cpu_list("0-3,8\n"), ElementsAre(0, 1, 2, 3, 8));
  EXPECT_THAT(parse_cpu_list("5"), ElementsAre(5));
  EXPECT_THAT(parse_cpu_list(""), IsEmpty());
  EXPECT_THAT(parse_cpu_list("x,-1,3-,2"), ElementsAre(2));
  EXPECT_THAT(parse_cpu_list("0-9999999999"), IsEmpty()) << "no list of billions";
}

TEST(SystemFiles, Sizes) {
  EXPECT_EQ(parse_size("48K"), 48 * 1024);
  EXPECT_EQ(parse_size("2M"), 2 * 1024 * 1024);
  EXPECT_EQ(parse_size("512"), 512);
  EXPECT_EQ(parse_size(""), std::nullopt);
  EXPECT_EQ(parse_size("-1K"), std::nullopt);
}

TEST(SystemFiles, OfEqualKeysTheFirstCounts) {
  const auto values = parse_keys("a : 1\nno separator\nb: two words \na: 3\n", ':');
  EXPECT_EQ(value_of(values, "a"), "1");
  EXPECT_EQ(value_of(values, "b"), "two words");
  EXPECT_EQ(value_of(values, "c"), "");
}

constexpr std::string_view version2_mount =
    "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(ControlGroups, Version2FromTheOwnGroupUpwards) {
  MadeSystem system;
  system.file("proc/self/mountinfo", version2_mount).file("proc/self/cgroup", "0::/a/b\n");
  const ControlGroups groups = control_groups(system.root(), "cpu");
  const auto base = system.root() / "sys/fs/cgroup";
  EXPECT_THAT(groups.version2, ElementsAre(base / "a/b", base / "a", base));
  EXPECT_THAT(groups.version1, IsEmpty());
}

TEST(ControlGroups, Version1TakesTheMountOfTheController) {
  MadeSystem system;
  system
      .file("proc/self/mountinfo",
            "33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
            "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n")
      .file("proc/self/cgroup", "5:cpuset:/elsewhere\n4:cpu,cpuacct:/job\n");
  const ControlGroups groups = control_groups(system.root(), "cpu");
  const auto base = system.root() / "sys/fs/cgroup/cpu,cpuacct";
  EXPECT_THAT(groups.version1, ElementsAre(base / "job", base));
  EXPECT_THAT(groups.version2, IsEmpty());
}

TEST(ControlGroups, ContainerThatSeesAPartOfTheHierarchy) {
  MadeSystem system;
  system
      .file("proc/self/mountinfo",
            "32 31 0:29 /docker/1f /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n")
      .file("proc/self/cgroup", "4:cpu:/docker/1f\n");
  EXPECT_THAT(control_groups(system.root(), "cpu").version1,
              ElementsAre(system.root() / "sys/fs/cgroup/cpu"));
}

TEST(ControlGroups, NoneWithoutFiles) {
  const MadeSystem system;
  EXPECT_THAT(control_groups(system.root(), "cpu").version1, IsEmpty());
  EXPECT_THAT(control_groups(system.root(), "cpu").version2, IsEmpty());
}

}  // namespace
}  // namespace moliere::bench
