// SPDX-License-Identifier: Apache-2.0
#include "moliere/report/model_table.hpp"

#include "moliere/core/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::report {
namespace {
using testing::AllOf;
using testing::HasSubstr;

bench::ModelCase dense(const TemporaryDirectory& folder) {
  return bench::make_case({.selector = "DenseLayer_100"}, folder.path());
}

TEST(ModelTable, ShowsTheCountsOfADenseLayer) {
  const TemporaryDirectory folder;
  const bench::ModelCase model = dense(folder);
  const std::string table = model_table(model, /*per_node=*/true);
  EXPECT_THAT(table, AllOf(HasSubstr("DenseLayer_100"), HasSubstr("input"), HasSubstr("output"),
                           HasSubstr("parameters"), HasSubstr("Gemm")));
  const std::string total = model_table(model, /*per_node=*/false);
  EXPECT_TRUE(table.starts_with(total) && table.size() > total.size()) << total;
}

TEST(ModelTable, JsonHoldsTheSameFigures) {
  const TemporaryDirectory folder;
  const bench::ModelCase model = dense(folder);
  const Json json = model_json(model, /*per_node=*/true);
  EXPECT_EQ(json.at("cost").at("flops"), model.cost.total.flops);
  EXPECT_EQ(json.at("cost").at("parameters"), model.cost.total.parameters);
  EXPECT_EQ(json.at("nodes").size(), model.cost.nodes.size());
  std::int64_t flops = 0;
  for (const Json& node : json.at("nodes")) {
    flops += node.contains("flops") ? node.at("flops").get<std::int64_t>()
                                    : node.at("cost").at("flops").get<std::int64_t>();
  }
  EXPECT_EQ(flops, model.cost.total.flops) << "the nodes add up";
  EXPECT_FALSE(model_json(model, /*per_node=*/false).contains("nodes"));
}

}  // namespace
}  // namespace moliere::report
