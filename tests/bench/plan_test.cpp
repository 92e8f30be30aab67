// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/plan.hpp"

#include "moliere/core/error.hpp"

#include <map>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::bench {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

std::vector<std::string> labels(const std::vector<std::string>& values) {
  std::vector<std::string> result;
  for (const EngineChoice& choice : parse_engines(values)) result.push_back(choice.label);
  return result;
}

TEST(ParseEngines, SeparatesEnginesFromOptions) {
  const std::vector<EngineChoice> choices = parse_engines({"a:x=1,y=2,b", "c"});
  ASSERT_EQ(choices.size(), 3U);
  EXPECT_EQ(choices[0].name, "a");
  EXPECT_EQ(choices[0].options, (engine::Options{{"x", "1"}, {"y", "2"}}));
  EXPECT_EQ(choices[0].label, "a:x=1,y=2");
  EXPECT_EQ(choices[1].name, "b");
  EXPECT_THAT(choices[1].options, IsEmpty());
  EXPECT_EQ(choices[2].label, "c");
}

TEST(ParseEngines, AnEngineAfterOptionsMayHaveItsOwn) {
  EXPECT_THAT(labels({"a:x=1,b:y=2,z=3,c"}), ElementsAre("a:x=1", "b:y=2,z=3", "c"));
}

TEST(ParseEngines, ValuesMayHoldColonsAndEqualsOrNothing) {
  const std::vector<EngineChoice> choices = parse_engines({"a:x=1:2,y=b=c,z="});
  ASSERT_EQ(choices.size(), 1U);
  EXPECT_EQ(choices[0].options, (engine::Options{{"x", "1:2"}, {"y", "b=c"}, {"z", ""}}));
}

TEST(ParseEngines, NumbersEqualChoices) {
  EXPECT_THAT(labels({"a", "a,b", "a"}), ElementsAre("a", "a#2", "b", "a#3"));
  // The order in which options were given makes no difference; their values do.
  EXPECT_THAT(labels({"a:x=1,y=2", "a:y=2,x=1", "a:x=1,y=3"}),
              ElementsAre("a:x=1,y=2", "a:x=1,y=2#2", "a:x=1,y=3"));
}

TEST(ParseEngines, NothingIsNothing) { EXPECT_THAT(parse_engines({}), IsEmpty()); }

TEST(ParseEngines, RefusesWhatIsNoEngine) {
  for (const char* bad : {"", ",a", "a,", "a,,b", ":x=1", "a:", "a:x", "a:=1", "x=1", "a,x=1"}) {
    EXPECT_THROW(parse_engines({bad}), Error) << bad;
  }
  // An option does not reach over to the engine of another --engine.
  EXPECT_THROW(parse_engines({"a:x=1", "y=2"}), Error);
  EXPECT_THAT([] { parse_engines({"a:x=1,x=2"}); }, ThrowsMessage<Error>(HasSubstr("twice")));
}

TEST(ParseAxis, ReadsListsInTheOrderGiven) {
  EXPECT_THAT(parse_axis("--threads", "4,1,all", 8), ElementsAre(4, 1, 8));
  EXPECT_THAT(parse_axis("--threads", "2,all,2,1", 2), ElementsAre(2, 1));
  EXPECT_THAT(parse_axis("--batch", "2147483647", 0), ElementsAre(2147483647));
}

TEST(ParseAxis, RefusesWhatIsNoCount) {
  for (const char* bad : {"", "0", "-1", "+1", "1.5", "1,,2", "1,", " 1", "one", "2147483648"}) {
    EXPECT_THAT([&] { parse_axis("--threads", bad, 4); },
                ThrowsMessage<Error>(HasSubstr("--threads")))
        << bad;
  }
  EXPECT_THROW(parse_axis("--batch", "all", 0), Error);
}

TEST(ParseDimension, ReadsNameAndExtent) {
  EXPECT_EQ(parse_dimension("sequence=20"), std::pair(std::string("sequence"), std::int64_t{20}));
  for (const char* bad : {"", "sequence", "=20", "sequence=", "sequence=0", "sequence=-1",
                          "sequence=2x", "sequence=99999999999999999999"}) {
    EXPECT_THROW(parse_dimension(bad), Error) << bad;
  }
}

TEST(Cross, VariesTheBatchFastest) {
  const std::vector<Axes> cells = cross({1, 16}, {1, 4}, {2}, {"cpu", "cuda"});
  ASSERT_EQ(cells.size(), 8U);
  EXPECT_EQ(cells[0].batch, 1);
  EXPECT_EQ(cells[1].batch, 16);
  EXPECT_EQ(cells[1].threads, 1);
  EXPECT_EQ(cells[2].threads, 4);
  EXPECT_EQ(cells[3].device, "cpu");
  EXPECT_EQ(cells[4].device, "cuda");
  EXPECT_EQ(cells[7].streams, 2);
}

/// Over 2n rounds: every engine twice at every place, every pair n times in either order.
TEST(BalancedOrder, IsBalanced) {
  for (std::size_t engines = 1; engines <= 7; ++engines) {
    std::map<std::pair<std::size_t, std::size_t>, std::size_t> at_place;
    std::map<std::pair<std::size_t, std::size_t>, std::size_t> before;
    for (std::size_t round = 0; round < 2 * engines; ++round) {
      const std::vector<std::size_t> order = balanced_order(engines, round);
      ASSERT_EQ(order.size(), engines);
      for (std::size_t place = 0; place < engines; ++place) {
        ++at_place[{order[place], place}];
        for (std::size_t later = place + 1; later < engines; ++later) {
          ++before[{order[place], order[later]}];
        }
      }
    }
    for (std::size_t a = 0; a < engines; ++a) {
      for (std::size_t b = 0; b < engines; ++b) {
        EXPECT_EQ((at_place[{a, b}]), 2U) << a << " at " << b << " of " << engines;
        if (a == b) continue;
        EXPECT_EQ((before[{a, b}]), engines) << a << " before " << b;
      }
    }
  }
}

TEST(BalancedOrder, TurnsBackEverySecondRound) {
  EXPECT_THAT(balanced_order(3, 0), ElementsAre(0, 1, 2));
  EXPECT_THAT(balanced_order(3, 1), ElementsAre(2, 1, 0));
  EXPECT_THAT(balanced_order(3, 2), ElementsAre(1, 2, 0));
  EXPECT_THAT(balanced_order(0, 5), IsEmpty());
}

}  // namespace
}  // namespace moliere::bench
