// SPDX-License-Identifier: Apache-2.0
// The networks against eager PyTorch (tests/golden/make_classifier_golden.py), and learn/.
#include "moliere/judge/classifier/detail/networks.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/core/json.hpp"
#include "moliere/learn/device.hpp"
#include "moliere/learn/module_state.hpp"

#include <cmath>
#include <cstdlib>

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

namespace moliere::judge::classifier {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

Json golden() {
  return read_json(std::filesystem::path(std::getenv("MOLIERE_SOURCE_DIR")) /
                   "tests/golden/classifier_golden.json");
}

torch::Tensor wave(std::int64_t count, double phase) {
  return torch::sin(0.7 * torch::arange(count, torch::kFloat64) + phase);
}

/// The formula of make_classifier_golden.py.
void fill(torch::nn::Module& module) {
  const torch::NoGradGuard no_gradients;
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& item : module.named_parameters()) tensors.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) {
    if (!item.key().ends_with("num_batches_tracked"))
      tensors.emplace_back(item.key(), item.value());
  }
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    auto& [name, tensor] = tensors[t];
    const double scale =
        tensor.dim() > 1 ? 1 / std::sqrt(static_cast<double>(tensor[0].numel())) : 0.1;
    const torch::Tensor values = wave(tensor.numel(), 1.3 * static_cast<double>(t));
    const bool norm = tensor.dim() == 1 && name.find("norm") != std::string::npos;
    if (name.ends_with("running_var")) {
      tensor.copy_(1 + 0.5 * values.abs());
    } else {
      const double offset = norm && name.ends_with("weight") ? 1 : 0;
      tensor.copy_((scale * values + offset).reshape(tensor.sizes()));
    }
  }
}

torch::Tensor inputs(std::int64_t rows, std::int64_t columns) {
  const torch::Tensor k = torch::arange(rows * columns, torch::kFloat64);
  return (0.5 + 0.5 * torch::sin(torch::fmod(0.37 * k * k, 6.283))).reshape({rows, columns});
}

void expect_near(const torch::Tensor& found, const Json& expected, double tolerance) {
  const auto values = expected.get<std::vector<double>>();
  const torch::Tensor flat = found.detach().flatten();
  ASSERT_EQ(flat.numel(), static_cast<std::int64_t>(values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(flat[static_cast<std::int64_t>(i)].item<double>(), values[i],
                tolerance * std::max(1.0, std::abs(values[i])))
        << i;
  }
}

void expect_golden(const ClassifierOptions& options, int columns, const Json& expected) {
  const auto network = detail::make_network(options, columns, 1);
  network->to(torch::kFloat64);
  fill(*network);
  const torch::Tensor x = inputs(expected.at("rows").get<int>(), columns);
  EXPECT_EQ(detail::parameter_count(*network), expected.at("parameters").get<std::int64_t>());
  network->eval();
  expect_near(network->forward(x), expected.at("eval"), 1e-11);
  network->train();
  const torch::Tensor y = network->forward(x);
  expect_near(y, expected.at("train"), 1e-10);
  y.sum().backward();
  std::vector<torch::Tensor> squares;
  for (const torch::Tensor& parameter : network->parameters()) {
    squares.push_back(parameter.grad().square().sum());
  }
  expect_near(torch::stack(squares), expected.at("gradient_squares"), 1e-8);
}

TEST(Networks, DnnIsPyTorchs) {
  const Json expected = golden().at("dnn");
  ClassifierOptions options;
  options.hidden = expected.at("hidden").get<int>();
  options.layers = expected.at("layers").get<int>();
  expect_golden(options, expected.at("columns").get<int>(), expected);
}

TEST(Networks, ResNetIsPyTorchs) {
  const Json expected = golden().at("cnn");
  ClassifierOptions options;
  options.kind = NetworkKind::cnn;
  options.image = expected.at("image").get<ImageShape>();
  expect_golden(options, options.image[0] * options.image[1] * options.image[2] + 1, expected);
}

TEST(Networks, ResNetHasAsManyParametersAsTheOfficialOne) {
  ClassifierOptions options;
  options.kind = NetworkKind::cnn;
  options.image = {45, 16, 9};
  EXPECT_EQ(parameter_count(options, 6481), golden().at("official_cnn_parameters"));
}

TEST(Networks, CnnOfTheRealGeometriesGivesOneLogitAShower) {
  const torch::NoGradGuard no_gradients;
  ClassifierOptions options;
  options.kind = NetworkKind::cnn;
  for (const char* name : {"ds2", "ds3"}) {
    const calo::Geometry geometry = calo::builtin_geometry(name);
    options.image = image_shape(geometry);
    const int columns = geometry.voxel_count() + 1;
    const auto network = detail::make_network(options, columns, 1);
    EXPECT_EQ(network->forward(torch::rand({2, columns})).sizes(),
              (std::vector<std::int64_t>{2, 1}));
    EXPECT_EQ(detail::make_network(options, columns, 4)->forward(torch::rand({2, columns})).sizes(),
              (std::vector<std::int64_t>{2, 4}));
  }
  EXPECT_THROW(detail::make_network(options, 6481, 1), Error);
}

TEST(Networks, ConvolutionsBeginAsKaimingsWithFanOut) {
  learn::seed_all(1);
  ClassifierOptions options;
  options.kind = NetworkKind::cnn;
  options.image = {8, 4, 4};
  const auto network = detail::make_network(options, 129, 1);
  const auto parameters = network->named_parameters();
  // fan out: 32 planes, 7^3 cells; 64 planes, 3^3 cells.
  EXPECT_NEAR(parameters["stem.weight"].std().item<double>(), std::sqrt(2.0 / (32 * 343)), 3e-4);
  EXPECT_NEAR(parameters["block3.conv2.weight"].std().item<double>(), std::sqrt(2.0 / (64 * 27)),
              3e-4);
}

TEST(Device, NamesAreUnderstoodOrRefused) {
  EXPECT_TRUE(learn::select_device("cpu").is_cpu());
  EXPECT_NO_THROW(learn::select_device("auto"));
  for (const char* name :
       {"", "gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "cuda0", "cuda:200"}) {
    EXPECT_THAT([&] { learn::select_device(name); }, ThrowsMessage<Error>(HasSubstr("is called")))
        << name;
  }
  EXPECT_THAT([&] { learn::select_device("cuda:99"); },
              ThrowsMessage<Error>(HasSubstr("not there")));
}

TEST(Device, ThreadLimitEndsWithItsScope) {
  const int before = at::get_num_threads();
  {
    const learn::ThreadLimit limit(before + 3);
    EXPECT_EQ(at::get_num_threads(), before + 3);
    const learn::ThreadLimit none(0);
    EXPECT_EQ(at::get_num_threads(), before + 3);
  }
  EXPECT_EQ(at::get_num_threads(), before);
  EXPECT_THROW(learn::ThreadLimit(-1), Error);
}

TEST(Seed, RepeatsTheDraws) {
  learn::seed_all(5);
  const torch::Tensor first = torch::rand({4});
  learn::seed_all(5);
  EXPECT_TRUE(torch::equal(torch::rand({4}), first));
}

ClassifierOptions tiny_cnn() {
  ClassifierOptions options;
  options.kind = NetworkKind::cnn;
  options.image = {4, 2, 2};
  return options;
}

TEST(ModuleState, BringsParametersAndStatisticsBack) {
  const auto network = detail::make_network(tiny_cnn(), 17, 1);
  const torch::Tensor x = torch::rand({6, 17});
  network->eval();
  const torch::Tensor before = network->forward(x);
  const learn::ModuleState state(*network);
  network->train();
  network->forward(x);  // moves the running statistics
  {
    const torch::NoGradGuard no_gradients;
    for (torch::Tensor& parameter : network->parameters()) parameter += 0.25;
  }
  network->eval();
  EXPECT_FALSE(torch::equal(network->forward(x), before));
  state.restore(*network);
  EXPECT_TRUE(torch::equal(network->forward(x), before));
}

TEST(ModuleFile, IsReadAsItWasWritten) {
  const TemporaryDirectory folder;
  const auto network = detail::make_network(tiny_cnn(), 17, 1);
  learn::save_module(*network, folder.path() / "weights.pt");
  const auto other = detail::make_network(tiny_cnn(), 17, 1);
  const torch::Tensor x = torch::rand({6, 17});
  network->eval();
  other->eval();
  ASSERT_FALSE(torch::equal(other->forward(x), network->forward(x)));
  learn::load_module(*other, folder.path() / "weights.pt");
  EXPECT_TRUE(torch::equal(other->forward(x), network->forward(x)));
}

TEST(ModuleFile, OfAnotherNetworkIsRefused) {
  const TemporaryDirectory folder;
  ClassifierOptions dnn;
  dnn.hidden = 8;
  learn::save_module(*detail::make_network(dnn, 17, 1), folder.path() / "weights.pt");
  const auto cnn = detail::make_network(tiny_cnn(), 17, 1);
  EXPECT_THAT([&] { learn::load_module(*cnn, folder.path() / "weights.pt"); },
              ThrowsMessage<Error>(HasSubstr("no weights of this network")));
  dnn.hidden = 9;
  const auto wider = detail::make_network(dnn, 17, 1);
  EXPECT_THAT([&] { learn::load_module(*wider, folder.path() / "weights.pt"); },
              ThrowsMessage<Error>(HasSubstr("another shape")));
  write_atomically(folder.path() / "text", "no archive");
  EXPECT_THROW(learn::load_module(*cnn, folder.path() / "text"), Error);
  EXPECT_THROW(learn::load_module(*cnn, folder.path() / "absent"), Error);
}

}  // namespace
}  // namespace moliere::judge::classifier
