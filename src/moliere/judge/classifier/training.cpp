// SPDX-License-Identifier: Apache-2.0
#include "moliere/judge/classifier/detail/training.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/random.hpp"
#include "moliere/judge/classifier/detail/networks.hpp"
#include "moliere/judge/classifier/detail/shuffle.hpp"
#include "moliere/learn/device.hpp"
#include "moliere/learn/module_state.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include <torch/nn/functional/loss.h>
#include <torch/optim/adam.h>
#include <torch/types.h>

namespace moliere::judge::classifier::detail {
namespace {

/// Samples up to here are copied to the GPU as a whole, which saves the copy of every batch; it
/// leaves most of a GPU's memory to the network.
constexpr std::size_t resident_bytes = std::size_t{16} << 30;

/// A matrix of features as a tensor; on the CPU it shares the view's memory.
torch::Tensor tensor_of(const FeatureView& view) {
  return std::visit(
      [&](const auto& values) {
        using T = std::remove_const_t<typename std::decay_t<decltype(values)>::element_type>;
        // from_blob takes no const; nothing writes to it.
        return torch::from_blob(const_cast<T*>(values.data()), {view.rows, view.columns},
                                std::is_same_v<T, float> ? torch::kFloat32 : torch::kFloat64);
      },
      view.values);
}

/// LibTorch's complaints are the surroundings' (memory, a GPU), or a bug of ours with its words.
template <class Work>
auto translated(Work&& work) {
  try {
    return work();
  } catch (const c10::OutOfMemoryError&) {
    throw Error("the device's memory is short", "the classifier's network and batch need more",
                "give a smaller batch, or another device");
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    throw Error("LibTorch could not train the classifier", message.substr(0, message.find('\n')),
                "try the device cpu");
  }
}

}  // namespace

struct Trainer::Impl {
  learn::ThreadLimit threads;
  torch::Device device;
  torch::ScalarType type;
  ClassifierOptions options;
  int width;  ///< outputs of the network: 1 or K
  std::vector<torch::Tensor> samples;
  std::shared_ptr<Network> network;

  Impl(const std::vector<FeatureView>& views, int outputs, const ClassifierOptions& given)
      : threads(given.threads),
        device(learn::select_device(given.device)),
        type(given.precision == Precision::float64 ? torch::kFloat64 : torch::kFloat32),
        options(given),
        width(outputs) {
    std::size_t bytes = 0;
    for (const FeatureView& view : views) {
      samples.push_back(tensor_of(view));
      bytes += samples.back().nbytes();
    }
    if (!device.is_cpu() && bytes <= resident_bytes) {
      for (torch::Tensor& sample : samples) sample = sample.to(device);
    }
    learn::seed_all(options.seed);
    network = make_network(options, views.front().columns, width);
    network->to(device, type);
  }

  bool binary() const { return width == 1; }

  /// Features (B, D) and labels (B) of some entries, those of one sample together.
  struct Batch {
    torch::Tensor features;
    torch::Tensor labels;
    std::vector<std::size_t> positions;  ///< (B) of each row among the entries
  };
  Batch batch_of(std::span<const Entry> entries) const {
    std::vector<torch::Tensor> features;
    std::vector<torch::Tensor> labels;
    std::vector<std::size_t> positions;
    for (std::size_t k = 0; k < samples.size(); ++k) {
      std::vector<std::int64_t> rows;
      for (std::size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].sample != static_cast<int>(k)) continue;
        rows.push_back(entries[i].row);
        positions.push_back(i);
      }
      if (rows.empty()) continue;
      const torch::Tensor index = torch::tensor(rows).to(samples[k].device());
      features.push_back(samples[k].index_select(0, index).to(device, type));
      labels.push_back(torch::full({static_cast<std::int64_t>(rows.size())},
                                   static_cast<std::int64_t>(k),
                                   torch::TensorOptions(device).dtype(torch::kInt64)));
    }
    return {torch::cat(features), torch::cat(labels), std::move(positions)};
  }

  torch::Tensor loss_of(const torch::Tensor& logits, const torch::Tensor& labels) const {
    if (binary()) {
      return torch::binary_cross_entropy_with_logits(logits.squeeze(1), labels.to(type));
    }
    return torch::nll_loss(torch::log_softmax(logits, 1), labels);
  }

  /// Ends of batches: the last one may be smaller; a lone shower joins the batch before, as batch
  /// normalisation cannot train on one.
  std::vector<std::size_t> batch_ends(std::size_t entries) const {
    std::vector<std::size_t> ends;
    const auto step = static_cast<std::size_t>(options.batch);
    for (std::size_t end = step; end + 1 < entries; end += step) ends.push_back(end);
    ends.push_back(entries);
    return ends;
  }

  /// Mean loss of an epoch.
  double train_epoch(torch::optim::Adam& optimizer, std::vector<Entry>& entries,
                     RandomStream& stream, const std::function<void(double)>& done) {
    shuffle(entries, stream);
    network->train();
    torch::Tensor sum = torch::zeros({}, torch::TensorOptions(device).dtype(torch::kFloat64));
    std::size_t begin = 0;
    for (const std::size_t end : batch_ends(entries.size())) {
      const auto part = std::span(entries).subspan(begin, end - begin);
      const Batch batch = batch_of(part);
      optimizer.zero_grad();
      const torch::Tensor loss = loss_of(network->forward(batch.features), batch.labels);
      loss.backward();
      optimizer.step();
      sum += loss.detach().to(torch::kFloat64) * static_cast<double>(part.size());
      begin = end;
      done(static_cast<double>(end) / static_cast<double>(entries.size()));
    }
    return sum.item<double>() / static_cast<double>(entries.size());
  }

  /// See Trainer::outputs.
  Outputs outputs(const std::vector<Entry>& entries) {
    const torch::NoGradGuard no_gradients;
    network->eval();
    const auto count = static_cast<std::size_t>(width);
    Outputs values(entries.size() * count);
    std::size_t begin = 0;
    for (const std::size_t end : batch_ends(entries.size())) {
      const Batch batch = batch_of(std::span(entries).subspan(begin, end - begin));
      const torch::Tensor logits = network->forward(batch.features);
      const torch::Tensor result =
          (binary() ? torch::sigmoid(logits) : torch::log_softmax(logits, 1))
              .to(torch::kCPU, torch::kFloat64)
              .contiguous();
      const double* row = result.const_data_ptr<double>();
      for (const std::size_t position : batch.positions) {
        std::copy_n(row, count, values.data() + (begin + position) * count);
        row += count;
      }
      begin = end;
    }
    return values;
  }
};

Trainer::Trainer(const std::vector<FeatureView>& samples, int outputs,
                 const ClassifierOptions& options)
    : impl_(translated([&] { return std::make_unique<Impl>(samples, outputs, options); })) {}

Trainer::~Trainer() = default;

TrainingLog Trainer::train(const Split& split, Progress& progress) {
  const ClassifierOptions& options = impl_->options;
  std::vector<Entry> entries = split.train;
  torch::optim::Adam optimizer(impl_->network->parameters(),
                               torch::optim::AdamOptions(options.learning_rate));
  RandomStream stream(options.seed, seed_from("classifier batches"));
  TrainingLog log;
  std::optional<learn::ModuleState> best;
  double best_accuracy = -1;
  for (int epoch = 0; epoch < options.epochs && best_accuracy < 1; ++epoch) {
    const std::string what = log.accuracies.empty()
                                 ? fmt::format("epoch {}", epoch + 1)
                                 : fmt::format("epoch {}, accuracy {:.4f} after the last one",
                                               epoch + 1, log.accuracies.back());
    const double loss = translated([&] {
      return impl_->train_epoch(optimizer, entries, stream, [&](double share) {
        progress.update(epoch + share, options.epochs, what);
      });
    });
    if (!std::isfinite(loss)) {
      throw Error(fmt::format("the classifier's loss is not finite in epoch {}", epoch + 1),
                  "the training has diverged",
                  "lower the learning rate, or look for huge values in the showers");
    }
    log.losses.push_back(loss);
    log.best_epoch = split.test.empty() ? epoch + 1 : log.best_epoch;
    if (split.test.empty()) continue;
    log.accuracies.push_back(accuracy(outputs(split.test), split.test));
    if (log.accuracies.back() <= best_accuracy) continue;
    best_accuracy = log.accuracies.back();
    log.best_epoch = epoch + 1;
    best.emplace(*impl_->network);
  }
  if (best) best->restore(*impl_->network);
  return log;
}

Outputs Trainer::outputs(const std::vector<Entry>& entries) {
  return translated([&] { return impl_->outputs(entries); });
}

std::int64_t Trainer::parameters() const { return parameter_count(*impl_->network); }

double accuracy(const Outputs& outputs, const std::vector<Entry>& entries) {
  const std::size_t width = outputs.size() / entries.size();
  std::size_t right = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto row = std::span(outputs).subspan(i * width, width);
    const int said = width == 1
                         ? static_cast<int>(row[0] > 0.5)
                         : static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin());
    right += said == entries[i].sample ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(entries.size());
}

}  // namespace moliere::judge::classifier::detail
