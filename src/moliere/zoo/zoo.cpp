// SPDX-License-Identifier: Apache-2.0
#include "moliere/zoo/zoo.hpp"

#include "moliere/core/error.hpp"
#include "moliere/zoo/models.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/ranges.h>

namespace moliere::zoo {
namespace {

/// Number of insertions, deletions and replacements between two words (Levenshtein 1966).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::vector<std::string> known_selectors() {
  std::vector<std::string> names{"@all"};
  for (const Entry& entry : entries()) {
    names.push_back(entry.name);
    for (const std::string& set : entry.sets) {
      if (std::ranges::find(names, "@" + set) == names.end()) names.push_back("@" + set);
    }
  }
  return names;
}

[[noreturn]] void throw_unknown(std::string_view selector) {
  std::vector<std::string> names = known_selectors();
  std::ranges::stable_sort(names, {},
                           [&](const std::string& name) { return edit_distance(name, selector); });
  names.resize(3);
  throw Error(fmt::format("there is no model '{}'", selector),
              "it is no built-in name, set or file",
              fmt::format("near are {}; see moliere models list", fmt::join(names, ", ")));
}

}  // namespace

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      {"higgs_model_dense",
       "6 Gemm, 7-100-100-100-100-100-2",
       {"rootbench", "dense", "quick"},
       false,
       1,
       higgs_model_dense},
      {"Linear_event",
       "10 Gemm, 100-50-...-50-10",
       {"rootbench", "dense", "quick"},
       false,
       1,
       linear},
      {"Linear_16", "the same at batch 16", {"rootbench", "dense", "quick"}, false, 16, linear},
      {"Linear_32", "the same at batch 32", {"rootbench", "dense"}, false, 32, linear},
      {"Linear_64", "the same at batch 64", {"rootbench", "dense"}, false, 64, linear},
      {"Generator_B1",
       "dense generator of 40,500 voxels",
       {"rootbench", "dense"},
       false,
       1,
       generator},
      {"Generator_B64", "the same at batch 64", {"rootbench", "dense"}, false, 64, generator},
      {"ConvTrans2dModel_B1",
       "4 ConvTranspose, 4 x 4 to 6 x 6",
       {"rootbench", "quick"},
       false,
       1,
       conv_trans_2d},
      {"Conv_d100_L1_B1",
       "one 5 x 5 Conv on 100 x 100",
       {"rootbench", "quick"},
       false,
       1,
       conv_one_layer},
      {"Conv_d100_L14_B1",
       "14 Conv up to 128 channels, padded",
       {"rootbench"},
       false,
       1,
       conv_14_layers},
      {"Conv_d100_L14_B32",
       "14 Conv up to 128 channels, not padded",
       {"rootbench"},
       false,
       32,
       conv_14_layers},
      {"Conv3d_d32_L4_B1", "5 Conv3d on 32^3, Gemm", {"rootbench"}, false, 1, conv_3d},
      {"fastsim_mlp", "fast simulation, 10-14-20-50-100-40500", {"dense"}, true, 1, fastsim_mlp},
      {"RNN_d10_L20_h8", "RNN over 20 steps, hidden 8", {"recurrent", "quick"}, true, 1, recurrent},
      {"GRU_d10_L20_h8", "GRU over 20 steps, hidden 8", {"recurrent", "quick"}, true, 1, recurrent},
      {"LSTM_d10_L20_h8",
       "LSTM over 20 steps, hidden 8",
       {"recurrent", "quick"},
       true,
       1,
       recurrent},
      {"resnet_small", "residual CNN on 32 x 32", {}, true, 1, resnet_small},
      {"graph_network",
       "message passing, 16 nodes and 48 edges",
       {"quick"},
       false,
       1,
       graph_network},
      {"patch_transformer",
       "2 attention blocks over 16 patches",
       {"quick"},
       true,
       1,
       patch_transformer},
      {"DenseLayer_100", "one Gemm 100-100, ReLU", {"dense", "quick"}, true, 1, dense_layer},
      {"DenseLayer_1000", "one Gemm 100-1000, ReLU", {"dense"}, true, 1, dense_layer},
      {"DenseLayer_10000", "one Gemm 100-10000, ReLU", {"dense"}, true, 1, dense_layer},
  };
  return all;
}

const Entry* find(std::string_view name) {
  const auto found = std::ranges::find(entries(), name, &Entry::name);
  return found == entries().end() ? nullptr : &*found;
}

std::vector<std::string> expand(std::string_view selector) {
  if (find(selector) != nullptr) return {std::string(selector)};
  std::vector<std::string> names;
  for (const Entry& entry : entries()) {
    const bool member =
        selector == "@all" || std::ranges::any_of(entry.sets, [&](const std::string& set) {
          return selector == "@" + set;
        });
    if (member) names.push_back(entry.name);
  }
  if (names.empty()) throw_unknown(selector);
  return names;
}

onnx::Model make(const Entry& entry, std::optional<std::int64_t> batch) {
  if (batch && *batch < 1) {
    throw Error(fmt::format("batch {}", *batch), "it counts events", "give a number above 0");
  }
  if (!batch && !entry.dynamic_batch) batch = entry.default_batch;
  return entry.build(entry, batch);
}

}  // namespace moliere::zoo
