// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/tensor.hpp"

#include "moliere/core/error.hpp"

#include <array>

#include <gtest/gtest.h>

namespace moliere {
namespace {

TEST(Shape, CountsElements) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({2, 3}), 6);
  EXPECT_EQ(element_count({2, 0, 3}), 0);
  EXPECT_EQ(to_string(Shape{2, 3}), "(2, 3)");
}

TEST(Shape, ImpossibleShapesAreErrors) {
  EXPECT_THROW(element_count({2, -1}), Error);
  EXPECT_THROW(element_count({std::int64_t{1} << 40, std::int64_t{1} << 40}), Error);
  EXPECT_THROW(element_count({0, -1}), Error) << "a zero does not hide a negative extent";
}

TEST(Tensor, IsZeroFilledAlignedAndTyped) {
  Tensor tensor(DataType::int64, {3, 5});
  EXPECT_EQ(tensor.size(), 15);
  EXPECT_EQ(tensor.bytes().size(), 120U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.bytes().data()) % 64, 0U);
  for (const std::int64_t value : tensor.data<std::int64_t>()) EXPECT_EQ(value, 0);
}

TEST(Tensor, ConvertsToDoubles) {
  const std::array<bool, 2> flags{true, false};
  EXPECT_EQ(Tensor::from<bool>({2}, flags).to_doubles(), (std::vector<double>{1, 0}));
  EXPECT_EQ(Tensor::scalar(Float16(0.5)).to_doubles(), (std::vector<double>{0.5}));
  EXPECT_EQ(Tensor().size(), 0);
}

}  // namespace
}  // namespace moliere
