// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "test/misbehaving_engine.hpp"

namespace moliere::engine {
namespace {

/// y = 2 x for one float32 input, whatever the file says.
class TinySession final : public Session {
 public:
  void bind(std::size_t slot, std::span<const ConstTensorView> inputs) override {
    if (slot >= inputs_.size()) inputs_.resize(slot + 1);
    inputs_[slot] = inputs[0];
  }

  void run(std::size_t slot) override {
    const ConstTensorView& input = inputs_[slot];
    output_ = Tensor(DataType::float32, input.spec.shape);
    const auto y = output_.data<float>();
    std::memcpy(y.data(), input.data, input.spec.byte_size());
    for (float& value : y) value = 2 * value;
  }

  std::vector<ConstTensorView> outputs() override {
    return {{{"y", DataType::float32, output_.shape()}, output_.bytes().data()}};
  }

 private:
  std::vector<ConstTensorView> inputs_;
  Tensor output_;
};

class TinyModel final : public LoadedModel {
 public:
  std::unique_ptr<Session> make_session() override { return std::make_unique<TinySession>(); }
};

class TinyEngine final : public Engine {
 public:
  Description describe() override {
    return {.name = "tiny", .version = "1", .devices = {"cpu"}, .options = {}};
  }
  std::unique_ptr<LoadedModel> load(const LoadRequest&) override {
    return std::make_unique<TinyModel>();
  }
};

}  // namespace
}  // namespace moliere::engine

int main() {
  return moliere::engines::test::serve_misbehaving(
      [] { return std::make_unique<moliere::engine::TinyEngine>(); });
}
