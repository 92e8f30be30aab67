// SPDX-License-Identifier: Apache-2.0
#include "moliere/calo/shower_copy.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::calo {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

/// Shower i has the energies 4 i, 4 i + 1, 4 i + 2, 4 i + 3.
ShowerBatch counted_showers(int rows) {
  ShowerBatch batch;
  batch.voxels = 4;
  for (int i = 0; i < rows; ++i) {
    batch.incident_energies.push_back(static_cast<float>(1000 + i));
    for (int v = 0; v < 4; ++v) batch.energies.push_back(static_cast<float>(4 * i + v));
  }
  return batch;
}

TEST(Rows, AreWrittenAsInPython) {
  EXPECT_EQ(parse_rows("2:5", 10), (RowRange{2, 5}));
  EXPECT_EQ(parse_rows(":5", 10), (RowRange{0, 5}));
  EXPECT_EQ(parse_rows("7:", 10), (RowRange{7, 10}));
  EXPECT_EQ(parse_rows(":", 10), (RowRange{0, 10}));
  EXPECT_EQ(parse_rows("-3:-1", 10), (RowRange{7, 9}));
  for (const char* text :
       {"", "5", "a:b", "1:2:3", "5:5", "6:5", "0:11", "-11:2", "1.5:3", "1 :2"}) {
    EXPECT_THROW(parse_rows(text, 10), Error) << text;
  }
  EXPECT_THROW(parse_rows(":", 0), Error);
}

TEST(Rows, PartsCoverAllOnce) {
  EXPECT_THAT(split_rows(10, 3), ElementsAre(RowRange{0, 4}, RowRange{4, 7}, RowRange{7, 10}));
  EXPECT_THAT(split_rows(2, 2), ElementsAre(RowRange{0, 1}, RowRange{1, 2}));
  EXPECT_THROW(split_rows(2, 3), Error);
  EXPECT_THROW(split_rows(2, 0), Error);
}

class Copy : public testing::Test {
 protected:
  TemporaryDirectory folder;
  fs::path source = folder.path() / "source.h5";
  SilentProgress progress;

  void SetUp() override {
    ShowerWriter writer(source, 4);
    writer.append(counted_showers(10000));
    writer.finish();
  }
  ShowerBatch copy(RowRange rows, double threshold = 0) {
    const fs::path target = folder.path() / "target.h5";
    const ShowerReader reader(source);
    ShowerWriter writer(target, 4);
    copy_showers(reader, rows, threshold, writer, progress);
    writer.finish();
    const ShowerReader written(target);
    return written.read(0, written.size());
  }
};

TEST_F(Copy, TakesTheRowsAndNoOthers) {
  const ShowerBatch part = copy({4090, 9000});
  ASSERT_EQ(part.size(), 9000 - 4090);
  for (std::int64_t i = 0; i < part.size(); ++i) {
    ASSERT_EQ(part.incident_energies[static_cast<std::size_t>(i)], 1000 + 4090 + i);
    ASSERT_EQ(part.shower(i)[3], 4 * (4090 + i) + 3);
  }
}

TEST_F(Copy, SplitAndMergeGiveTheSameBytes) {
  const fs::path again = folder.path() / "again.h5";
  const ShowerReader reader(source);
  ShowerWriter writer(again, 4);
  for (const RowRange rows : split_rows(reader.size(), 7)) {
    copy_showers(reader, rows, 0, writer, progress);
  }
  writer.finish();
  EXPECT_EQ(read_bytes(again), read_bytes(source));
}

TEST_F(Copy, ThresholdKeepsWhatEqualsIt) {
  EXPECT_THAT(copy({0, 2}, 3).energies, ElementsAre(0, 0, 0, 3, 4, 5, 6, 7));
}

TEST(MergedNotes, EqualOnesStayAndDifferentOnesAreNamed) {
  const Attributes first{{"geometry", "ds2"}, {"torch_version", "1"}, {"history", "a"}};
  const Attributes second{{"geometry", "ds2"}, {"torch_version", "2"}, {"history", "b"}};
  const MergedAttributes merged = merge_attributes(std::vector{first, second});
  EXPECT_THAT(merged.conflicts, IsEmpty());
  EXPECT_THAT(merged.warnings, ElementsAre("torch_version: 1, 2"));
  EXPECT_EQ(merged.attributes,
            (Attributes{{"geometry", "ds2"}, {"torch_version", "1 | 2"}, {"history", "a | b"}}));

  const MergedAttributes apart =
      merge_attributes(std::vector{first, Attributes{{"geometry", "ds3"}}});
  EXPECT_THAT(apart.conflicts, ElementsAre("geometry: ds2, ds3"));
  EXPECT_THAT(apart.warnings, ElementsAre("torch_version: 1, (none)"));
  EXPECT_THAT(merge_attributes(std::vector{first, first, first}).warnings, IsEmpty());
  EXPECT_THAT(merge_attributes(std::vector{Attributes{{"seed", "1"}}, Attributes{}}).conflicts,
              ElementsAre("seed: 1, (none)"));
}

TEST(MergedNotes, OfManyPartsStayShort) {
  std::vector<Attributes> parts;
  for (int i = 0; i < 1000; ++i) parts.push_back({{"history", std::to_string(i)}});
  EXPECT_EQ(merge_attributes(parts).attributes.at("history"),
            "0 | ... | 999 (1000 different ones)");
}

TEST(History, GrowsSentenceBySentence) {
  Attributes attributes;
  add_history(attributes, "made");
  add_history(attributes, "cut");
  EXPECT_EQ(attributes.at("history"), "made; cut");
}

}  // namespace
}  // namespace moliere::calo
