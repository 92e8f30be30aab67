// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/classifier/detail/networks.hpp"

#include "moliere/core/error.hpp"

#include <string>

#include <torch/nn/functional/activation.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

namespace moliere::judge::classifier::detail {
namespace {

constexpr double leaky_slope = 0.01;
/// Planes of the four stages, blocks of each.
constexpr std::array<std::int64_t, 4> planes{32, 64, 64, 128};
constexpr int blocks_per_stage = 2;

class Dnn final : public Network {
 public:
  Dnn(int columns, int hidden, int layers, int outputs) {
    int width = columns;
    for (int i = 0; i <= layers; ++i) {
      torch::nn::Linear layer(width, hidden);
      hidden_.emplace_back(register_module("hidden" + std::to_string(i), layer));
      width = hidden;
    }
    output_ = register_module("output", torch::nn::Linear(width, outputs));
  }

  torch::Tensor forward(const torch::Tensor& features) override {
    torch::Tensor x = features;
    for (torch::nn::Linear& layer : hidden_) x = torch::leaky_relu(layer(x), leaky_slope);
    return output_(x);
  }

 private:
  std::vector<torch::nn::Linear> hidden_;
  torch::nn::Linear output_{nullptr};
};

/// Without bias: a batch normalisation follows.
torch::nn::Conv3d convolution(std::int64_t in, std::int64_t out, std::int64_t kernel,
                              std::int64_t stride) {
  torch::nn::Conv3d layer(torch::nn::Conv3dOptions(in, out, kernel)
                              .stride(stride)
                              .padding((kernel - 1) / 2)
                              .bias(false));
  torch::nn::init::kaiming_normal_(layer->weight, 0.0, torch::kFanOut, torch::kReLU);
  return layer;
}

/// Two 3x3x3 convolutions around which the input is led: past them as it is, or through a 1x1x1
/// convolution where shape or planes change (arXiv:1512.03385, section 3.3, option B).
class BasicBlock final : public torch::nn::Module {
 public:
  BasicBlock(std::int64_t in, std::int64_t out, std::int64_t stride) {
    conv1_ = register_module("conv1", convolution(in, out, 3, stride));
    norm1_ = register_module("norm1", torch::nn::BatchNorm3d(out));
    conv2_ = register_module("conv2", convolution(out, out, 3, 1));
    norm2_ = register_module("norm2", torch::nn::BatchNorm3d(out));
    if (stride == 1 && in == out) return;
    shortcut_ = register_module("shortcut", convolution(in, out, 1, stride));
    shortcut_norm_ = register_module("shortcut_norm", torch::nn::BatchNorm3d(out));
  }

  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor y = norm2_(conv2_(torch::relu(norm1_(conv1_(x)))));
    return torch::relu(y + (shortcut_.is_empty() ? x : shortcut_norm_(shortcut_(x))));
  }

 private:
  torch::nn::Conv3d conv1_{nullptr};
  torch::nn::BatchNorm3d norm1_{nullptr};
  torch::nn::Conv3d conv2_{nullptr};
  torch::nn::BatchNorm3d norm2_{nullptr};
  torch::nn::Conv3d shortcut_{nullptr};
  torch::nn::BatchNorm3d shortcut_norm_{nullptr};
};

class ResNet18 final : public Network {
 public:
  ResNet18(const ImageShape& image, int outputs) : image_(image) {
    stem_ = register_module("stem", convolution(1, planes[0], 7, 2));
    stem_norm_ = register_module("stem_norm", torch::nn::BatchNorm3d(planes[0]));
    std::int64_t in = planes[0];
    for (std::size_t stage = 0; stage < planes.size(); ++stage) {
      for (int block = 0; block < blocks_per_stage; ++block) {
        const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
        blocks_.push_back(register_module("block" + std::to_string(blocks_.size()),
                                          std::make_shared<BasicBlock>(in, planes[stage], stride)));
        in = planes[stage];
      }
    }
    output_ = register_module("output", torch::nn::Linear(in + 1, outputs));
    energy_norm_ = register_module("energy_norm", torch::nn::BatchNorm1d(1));
  }

  torch::Tensor forward(const torch::Tensor& features) override {
    const torch::Tensor energy = energy_norm_(features.narrow(1, 0, 1));
    torch::Tensor x = features.narrow(1, 1, features.size(1) - 1)
                          .reshape({-1, 1, image_[0], image_[1], image_[2]});  // (B, 1, L, A, R)
    x = torch::max_pool3d(torch::relu(stem_norm_(stem_(x))), 3, 2, 1);
    for (const auto& block : blocks_) x = block->forward(x);
    return output_(torch::cat({x.mean({2, 3, 4}), energy}, 1));
  }

 private:
  ImageShape image_;
  torch::nn::Conv3d stem_{nullptr};
  torch::nn::BatchNorm3d stem_norm_{nullptr};
  std::vector<std::shared_ptr<BasicBlock>> blocks_;
  torch::nn::Linear output_{nullptr};
  torch::nn::BatchNorm1d energy_norm_{nullptr};
};

void require_image(const ImageShape& image, int columns) {
  const std::int64_t voxels = std::int64_t{1} * image[0] * image[1] * image[2];
  if (image[0] < 1 || image[1] < 1 || image[2] < 1 || voxels + 1 != columns) {
    throw Error(fmt::format("a CNN cannot read {} columns as ({}, {}, {})", columns, image[0],
                            image[1], image[2]),
                "it needs log10 E_inc and one column a voxel",
                "give it the features \"low\" of a geometry with equal layers");
  }
}

}  // namespace

std::shared_ptr<Network> make_network(const ClassifierOptions& options, int columns, int outputs) {
  if (options.kind == NetworkKind::cnn) {
    require_image(options.image, columns);
    return std::make_shared<ResNet18>(options.image, outputs);
  }
  if (options.hidden < 1 || options.layers < 0 || columns < 1) {
    throw Error(fmt::format("a network of {} times {} on {} columns", options.layers,
                            options.hidden, columns),
                "it needs at least one of each", "give larger numbers");
  }
  return std::make_shared<Dnn>(columns, options.hidden, options.layers, outputs);
}

std::int64_t parameter_count(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const torch::Tensor& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace moliere::judge::classifier::detail

namespace moliere::judge::classifier {

std::int64_t parameter_count(const ClassifierOptions& options, int columns) {
  return detail::parameter_count(*detail::make_network(options, columns, 1));
}

}  // namespace moliere::judge::classifier
