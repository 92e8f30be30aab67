// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"

#include "reference/one_node.hpp"

namespace moliere::reference {
namespace {

TEST(MaxPool, FindsTheLargestAndWhereItWas) {
  const Tensor image = real({1, 2, 2, 3}, {1, 5, 2, 4, 3, 6, -1, -2, -3, -4, -5, -6});
  const Attributes window{{"kernel_shape", Ints{2, 2}}};
  const auto rows = OneNode{"MaxPool", {image}, window, 2}.run();
  expect_near(rows[0], real({1, 2, 1, 2}, {5, 6, -1, -2}));
  expect_near(rows[1], integer({1, 2, 1, 2}, {1, 5, 6, 7}));
  Attributes by_columns = window;
  by_columns["storage_order"] = std::int64_t{1};
  const auto columns = OneNode{"MaxPool", {image}, by_columns, 2}.run();
  expect_near(columns[1], integer({1, 2, 1, 2}, {2, 5, 6, 8}));
}

TEST(MaxPool, PaddingNeverWinsAndDilationLeavesOut) {
  const Tensor x = line({-5, -1, -4, -2});
  expect_near(OneNode{"MaxPool", {x}, {{"kernel_shape", Ints{2}}, {"pads", Ints{1, 1}}}}(),
              line({-5, -1, -1, -2, -2}));
  expect_near(OneNode{"MaxPool", {x}, {{"kernel_shape", Ints{2}}, {"dilations", Ints{2}}}}(),
              line({-4, -1}));
  EXPECT_THROW((OneNode{"MaxPool", {x}, {{"kernel_shape", Ints{5}}}}()), Error);
  EXPECT_THROW((OneNode{"MaxPool", {x}, {{"kernel_shape", Ints{0}}}}()), Error);
  EXPECT_THROW((OneNode{"MaxPool", {x}}()), Error);
}

TEST(MaxPool, CeilModeLetsTheLastWindowHangOver) {
  const Tensor x = line({1, 2, 3, 4, 5});
  Attributes attributes{{"kernel_shape", Ints{2}}, {"strides", Ints{2}}};
  expect_near(OneNode{"MaxPool", {x}, attributes}(), line({2, 4}));
  attributes["ceil_mode"] = std::int64_t{1};
  expect_near(OneNode{"MaxPool", {x}, attributes}(), line({2, 4, 5}));
  // A window that begins in the padding at the end is left out.
  const Attributes wide{{"kernel_shape", Ints{1}},
                        {"strides", Ints{2}},
                        {"pads", Ints{0, 1}},
                        {"ceil_mode", std::int64_t{1}}};
  expect_near(OneNode{"MaxPool", {line({1, 2, 3, 4})}, wide}(), line({1, 3}));
}

TEST(AveragePool, CountsThePaddingOnlyWhenAsked) {
  const Tensor x = line({2, 4, 6, 8, 10});
  Attributes attributes{{"kernel_shape", Ints{3}}, {"pads", Ints{1, 1}}, {"strides", Ints{2}}};
  expect_near(OneNode{"AveragePool", {x}, attributes}(), line({3, 6, 9}));
  attributes["count_include_pad"] = std::int64_t{1};
  expect_near(OneNode{"AveragePool", {x}, attributes}(), line({2, 6, 6}));
}

TEST(AveragePool, WhatHangsOverThePaddingIsNotCounted) {
  // Padded length 6; the windows begin at 0 and 4: the second has 2 taps there, one of them
  // padding.
  const Attributes attributes{{"kernel_shape", Ints{4}},
                              {"strides", Ints{4}},
                              {"pads", Ints{0, 1}},
                              {"ceil_mode", std::int64_t{1}},
                              {"count_include_pad", std::int64_t{1}}};
  expect_near(OneNode{"AveragePool", {line({2, 4, 6, 8, 10})}, attributes}(), line({5, 5}));
}

TEST(LpPool, IsTheNormOfTheWindow) {
  const Attributes attributes{{"kernel_shape", Ints{2}}, {"p", std::int64_t{2}}};
  expect_near(OneNode{"LpPool", {line({3, -4, 3})}, attributes}(), line({5, 5}));
}

TEST(GlobalPools, ReduceEachPlane) {
  const Tensor x = real({1, 2, 1, 2}, {3, -4, -6, -8});
  expect_near(OneNode{"GlobalAveragePool", {x}}(), real({1, 2, 1, 1}, {-0.5, -7}));
  expect_near(OneNode{"GlobalMaxPool", {x}}(), real({1, 2, 1, 1}, {3, -6}));
  expect_near(OneNode{"GlobalLpPool", {x}}(), real({1, 2, 1, 1}, {5, 10}));
  EXPECT_THROW((OneNode{"GlobalMaxPool", {real({2, 2}, {1, 2, 3, 4})}}()), Error);
}

TEST(MaxUnpool, UndoesMaxPool) {
  const Attributes attributes{{"kernel_shape", Ints{2}}, {"strides", Ints{2}}};
  const Tensor x = line({1, 2, 4, 3});
  const auto pooled = OneNode{"MaxPool", {x}, attributes, 2}.run();
  expect_near(OneNode{"MaxUnpool", {pooled[0], pooled[1]}, attributes}(), line({0, 2, 4, 0}));
  EXPECT_THROW((OneNode{"MaxUnpool", {line({1}), integer({1, 1, 1}, {2})}, attributes}()), Error);
}

}  // namespace
}  // namespace moliere::reference
