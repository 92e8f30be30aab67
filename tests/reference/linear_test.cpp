// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"
#include "moliere/reference/blocked_gemm.hpp"

#include <atomic>

#include "reference/one_node.hpp"

namespace moliere::reference {
namespace {

const Tensor counting_2x3 = real({2, 3}, {1, 2, 3, 4, 5, 6});
const Tensor counting_3x2 = real({3, 2}, {1, 2, 3, 4, 5, 6});

TEST(Gemm, ScalesTransposesAndStretchesTheBias) {
  const OneNode gemm{"Gemm",
                     {counting_2x3, counting_2x3, real({2}, {10, 20})},
                     {{"alpha", 0.5}, {"beta", 2.0}, {"transB", std::int64_t{1}}}};
  // A A^T = (14 32; 32 77)
  expect_near(gemm(), real({2, 2}, {27, 56, 36, 78.5}));
}

TEST(Gemm, TakesAColumnAsBiasAndNoneAtAll) {
  const OneNode column{"Gemm", {counting_2x3, counting_3x2, real({2, 1}, {100, 200})}};
  expect_near(column(), real({2, 2}, {122, 128, 249, 264}));
  const OneNode none{"Gemm", {counting_2x3, counting_3x2}};
  expect_near(none(), real({2, 2}, {22, 28, 49, 64}));
}

TEST(Gemm, ShapesThatDoNotFitAreErrors) {
  EXPECT_THROW((OneNode{"Gemm", {counting_2x3, counting_2x3}}()), Error);
  EXPECT_THROW((OneNode{"Gemm", {counting_2x3, real({3}, {1, 2, 3})}}()), Error);
  EXPECT_THROW((OneNode{"Gemm", {counting_2x3, counting_3x2, real({3}, {1, 2, 3})}}()), Error);
  const OneNode mixed{"Gemm", {counting_2x3, integer({3, 2}, {1, 2, 3, 4, 5, 6})}};
  EXPECT_THROW(mixed(), Error);
}

TEST(MatMul, VectorsAreRowsOnTheLeftAndColumnsOnTheRight) {
  const Tensor vector = real({3}, {1, 10, 100});
  expect_near(OneNode{"MatMul", {vector, counting_3x2}}(), real({2}, {531, 642}));
  expect_near(OneNode{"MatMul", {counting_2x3, vector}}(), real({2}, {321, 654}));
  expect_near(OneNode{"MatMul", {vector, vector}}(), real({}, {10101}));
}

TEST(MatMul, BroadcastsTheBatchOnEitherSide) {
  const Tensor batch = real({2, 1, 2}, {1, 2, 3, 4});
  const Tensor matrices = real({3, 1, 2, 1}, {1, 1, 10, 10, 100, 100});
  expect_near(OneNode{"MatMul", {batch, matrices}}(), real({3, 2, 1, 1}, {3, 7, 30, 70, 300, 700}));
}

TEST(MatMul, KeepsIntegersExact) {
  const std::int64_t large = (std::int64_t{1} << 53) + 1;
  const OneNode product{"MatMul", {integer({1, 1}, {large}), integer({1, 1}, {1})}};
  const Tensor result = product();
  EXPECT_EQ(result.data<std::int64_t>()[0], large);
}

TEST(MatMul, PathsAgreeOnRandomShapes) {
  RandomStream random(seed_from("matmul paths"));
  for (int i = 0; i < 30; ++i) {
    const auto extent = [&] { return 1 + static_cast<std::int64_t>(random.below(90)); };
    const std::int64_t m = extent(), k = extent(), n = extent();
    expect_paths_agree(
        {"MatMul", {random_real({3, 1, m, k}, random), random_real({1, 2, k, n}, random)}});
    expect_paths_agree({"MatMul", {random_real({2, m, k}, random), random_real({k, n}, random)}});
    for (const std::int64_t transposed : {0, 1}) {
      const Shape a = transposed ? Shape{k, m} : Shape{m, k};
      const Shape b = transposed ? Shape{n, k} : Shape{k, n};
      expect_paths_agree(
          {"Gemm",
           {random_real(a, random), random_real(b, random), random_real({n}, random)},
           {{"transA", transposed}, {"transB", transposed}, {"alpha", 0.7}}});
    }
  }
}

Tensor einsum(const char* equation, std::vector<std::optional<Tensor>> inputs) {
  return OneNode{"Einsum", std::move(inputs), {{"equation", std::string(equation)}}}();
}

TEST(Einsum, DiagonalsTracesAndTranspositions) {
  const Tensor square = real({2, 2}, {1, 2, 3, 4});
  expect_near(einsum("ii->i", {square}), real({2}, {1, 4}));
  expect_near(einsum("ii", {square}), real({}, {5}));
  expect_near(einsum("ij -> ji", {square}), real({2, 2}, {1, 3, 2, 4}));
  // Without an arrow the result's indices are in alphabetical order.
  expect_near(einsum("ba", {square}), real({2, 2}, {1, 3, 2, 4}));
  expect_near(einsum("ij->", {square}), real({}, {10}));
}

TEST(Einsum, IsMatMulWithBroadcastEllipsis) {
  RandomStream random(seed_from("einsum"));
  const Tensor a = random_real({3, 1, 4, 5}, random);
  const Tensor b = random_real({2, 5, 6}, random);
  expect_near(einsum("...ij,...jk->...ik", {a, b}), OneNode{"MatMul", {a, b}}());
  expect_near(einsum("...ij,...jk", {a, b}), OneNode{"MatMul", {a, b}}());
}

TEST(Einsum, ThreeOperands) {
  const Tensor u = real({2}, {1, 2});
  const Tensor m = real({2, 3}, {1, 0, 2, 0, 1, 1});
  const Tensor v = real({3}, {5, 6, 7});
  expect_near(einsum("i,ij,j->", {u, m, v}), real({}, {19 + 26}));
}

TEST(Einsum, BadEquationsAreErrors) {
  const Tensor square = real({2, 2}, {1, 2, 3, 4});
  for (const char* equation :
       {"i->i", "ijk->i", "ij,jk->ik", "ij->ik", "ij->ii", "i.j->ij", "i1->i"}) {
    EXPECT_THROW(einsum(equation, {square}), Error) << equation;
  }
  EXPECT_THROW(einsum("ij,jk->ik", {square, real({3, 1}, {1, 2, 3})}), Error);
}

TEST(Det, PivotsAndFindsSingularMatrices) {
  // The first pivot is 0: the rows change places and the sign.
  const Tensor matrices = real({3, 2, 2}, {0, 2, 3, 4, 1, 2, 2, 4, 2, 1, 1, 2});
  expect_near(OneNode{"Det", {matrices}}(), real({3}, {-6, 0, 3}));
  EXPECT_THROW((OneNode{"Det", {counting_2x3}}()), Error);
}

TEST(Tasks, EachRunsOnceAndAFailureComesBack) {
  constexpr double worth_threads = 1e9;
  std::vector<std::atomic<int>> runs(100);
  detail::for_each_task(runs.size(), worth_threads, [&](std::size_t i) { ++runs[i]; });
  for (const std::atomic<int>& number : runs) EXPECT_EQ(number, 1);
  const auto fail = [](std::size_t i) {
    if (i == 7) throw Error("task 7", "it fails", "");
  };
  EXPECT_THROW(detail::for_each_task(100, worth_threads, fail), Error);
  EXPECT_THROW(detail::for_each_task(100, 0, fail), Error);
}

}  // namespace
}  // namespace moliere::reference
