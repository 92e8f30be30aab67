// SPDX-License-Identifier: Apache-2.0
#include "moliere/zoo/layers.hpp"
#include "moliere/zoo/models.hpp"

#include <array>
#include <charconv>

namespace moliere::zoo {
namespace {

/// The number that ends a name: "DenseLayer_1000" -> 1000.
std::int64_t number_after(const std::string& name, char separator) {
  std::int64_t value = 0;
  const std::size_t begin = name.rfind(separator) + 1;
  std::from_chars(name.data() + begin, name.data() + name.size(), value);
  return value;
}

}  // namespace

onnx::Model higgs_model_dense(const Entry& entry, const Batch& batch) {
  Network net(entry);
  std::string x = net.input("input", batch, {7});
  std::int64_t width = 7;
  for (int layer = 0; layer < 5; ++layer) {
    x = net.relu(net.dense(x, width, 100));
    width = 100;
  }
  return net.finish(net.op("Sigmoid", {net.dense(x, width, 2, 1)}), "output", batch, {2});
}

onnx::Model linear(const Entry& entry, const Batch& batch) {
  Network net(entry);
  std::string x = net.input("input", batch, {100});
  std::int64_t width = 100;
  for (int layer = 0; layer < 9; ++layer) {
    x = net.relu(net.dense(x, width, 50));
    width = 50;
  }
  return net.finish(net.dense(x, width, 10, 1), "output", batch, {10});
}

onnx::Model generator(const Entry& entry, const Batch& batch) {
  Network net(entry);
  std::string x = net.input("input", batch, {14});
  std::int64_t width = 14;
  for (const std::int64_t next : {14, 20, 50, 100}) {
    x = net.batch_normalization(net.relu(net.dense(x, width, next)), next);
    width = next;
  }
  x = net.op("Sigmoid", {net.dense(x, width, 40500, 1)});
  return net.finish(x, "output", batch, {40500});
}

onnx::Model conv_trans_2d(const Entry& entry, const Batch& batch) {
  Network net(entry);
  std::string x = net.input("input", batch, {1, 4, 4});
  x = net.relu(net.conv_transpose(x, {.in = 1, .out = 4, .kernel = 2, .pad = 1}));
  x = net.relu(net.conv_transpose(x, {.in = 4, .out = 8, .kernel = 3, .pad = 1}));
  x = net.relu(net.conv_transpose(x, {.in = 8, .out = 4, .kernel = 3, .pad = 1}));
  x = net.conv_transpose(x, {.in = 4, .out = 1, .kernel = 2, .stride = 2, .gain = 1});
  return net.finish(x, "output", batch, {1, 6, 6});
}

onnx::Model conv_one_layer(const Entry& entry, const Batch& batch) {
  Network net(entry);
  const std::string x = net.input("input", batch, {1, 100, 100});
  const std::string y = net.relu(net.conv(x, {.in = 1, .out = 2, .kernel = 5, .pad = 2}));
  return net.finish(y, "output", batch, {2, 100, 100});
}

onnx::Model conv_14_layers(const Entry& entry, const Batch& batch) {
  constexpr std::array<std::int64_t, 15> channels{1,  2,  4,  8, 16, 32, 64, 128,
                                                  64, 32, 16, 8, 4,  2,  1};
  const bool padded = !entry.name.ends_with("B32");
  Network net(entry);
  std::string x = net.input("input", batch, {1, 100, 100});
  for (std::size_t layer = 0; layer + 1 < channels.size(); ++layer) {
    const bool last = layer + 2 == channels.size();
    x = net.conv(x, {.in = channels[layer],
                     .out = channels[layer + 1],
                     .kernel = 5,
                     .pad = padded ? 2 : 0,
                     .gain = last ? 1 : relu_gain});
    // The published files end with a ReLU, behind which a single channel may be dead.
    if (!last) x = net.relu(x);
  }
  const std::int64_t extent = padded ? 100 : 44;
  return net.finish(x, "output", batch, {1, extent, extent});
}

onnx::Model conv_3d(const Entry& entry, const Batch& batch) {
  Network net(entry);
  std::string x = net.input("input", batch, {1, 32, 32, 32});
  std::int64_t width = 1;
  for (const std::int64_t next : {32, 8, 8, 8}) {
    x = net.relu(net.conv(x, {.in = width, .out = next, .kernel = 5, .pad = 1, .dimensions = 3}));
    width = next;
  }
  x = net.relu(net.conv(x, {.in = 8, .out = 4, .kernel = 6, .stride = 6, .dimensions = 3}));
  x = net.op("Flatten", {x}, {{"axis", std::int64_t{1}}});
  return net.finish(net.dense(x, 256, 8, 1), "output", batch, {8});
}

onnx::Model recurrent(const Entry& entry, const Batch& batch) {
  constexpr std::int64_t features = 10;
  constexpr std::int64_t steps = 20;
  constexpr std::int64_t hidden = 8;
  const std::string kind = entry.name.substr(0, entry.name.find('_'));
  const std::int64_t gates = kind == "LSTM" ? 4 : kind == "GRU" ? 3 : 1;
  Network net(entry);
  std::string x = net.input("input", batch, {steps, features});
  x = net.op("Transpose", {x}, {{"perm", Integers{1, 0, 2}}});  // (20, B, 10)
  const std::string w = net.weights("recurrent_W", {1, gates * hidden, features}, features, 1);
  const std::string r = net.weights("recurrent_R", {1, gates * hidden, hidden}, hidden, 1);
  const std::string b = net.weights("recurrent_B", {1, 2 * gates * hidden}, 100, 1);
  std::map<std::string, onnx::AttributeValue, std::less<>> attributes{{"hidden_size", hidden}};
  if (kind == "GRU") attributes.emplace("linear_before_reset", std::int64_t{1});
  x = net.op(kind, {x, w, r, b}, std::move(attributes));            // (20, 1, B, 8)
  x = net.op("Squeeze", {x, net.integers("direction_axis", {1})});  // (20, B, 8)
  x = net.op("Gather", {x, net.constant("last_step", Tensor::scalar<std::int64_t>(steps - 1))},
             {{"axis", std::int64_t{0}}});  // (B, 8)
  return net.finish(net.dense(x, hidden, 2, 1), "output", batch, {2});
}

onnx::Model dense_layer(const Entry& entry, const Batch& batch) {
  const std::int64_t outputs = number_after(entry.name, '_');
  Network net(entry);
  const std::string x = net.input("input", batch, {100});
  return net.finish(net.relu(net.dense(x, 100, outputs)), "output", batch, {outputs});
}

}  // namespace moliere::zoo
