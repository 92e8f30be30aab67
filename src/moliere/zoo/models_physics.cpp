// SPDX-License-Identifier: Apache-2.0
#include "moliere/zoo/layers.hpp"
#include "moliere/zoo/models.hpp"

namespace moliere::zoo {
namespace {

std::string scalar(Network& net, const std::string& name, float value) {
  return net.constant(name, Tensor::scalar(value));
}

/// x + conv(relu(bn(conv(x)))), the block of He et al. 2016.
std::string residual_block(Network& net, const std::string& x, std::int64_t channels) {
  std::string y = net.conv(x, {.in = channels, .out = channels, .kernel = 3, .pad = 1});
  y = net.relu(net.batch_normalization(y, channels));
  y = net.conv(y, {.in = channels, .out = channels, .kernel = 3, .pad = 1, .gain = 1});
  y = net.batch_normalization(y, channels);
  return net.relu(net.op("Add", {x, y}));
}

/// (B, T, inputs) -> (B, T, outputs): MatMul and bias.
std::string project(Network& net, const std::string& name, const std::string& x,
                    std::int64_t inputs, std::int64_t outputs, std::int64_t gain = 1) {
  const std::string w = net.weights(name + "_weight", {inputs, outputs}, inputs, gain);
  const std::string b = net.weights(name + "_bias", {outputs}, 100, 1);
  return net.op("Add", {net.op("MatMul", {x, w}), b});
}

/// softmax(Q K^T / sqrt(d)) V over `heads` heads (Vaswani et al. 2017, eq. 1).
std::string self_attention(Network& net, const std::string& name, const std::string& x,
                           std::int64_t tokens, std::int64_t width, std::int64_t heads) {
  const std::int64_t head = width / heads;
  // 0 keeps the batch.
  const std::string split = net.integers(name + "_split", {0, tokens, heads, head});
  const std::string joined = net.integers(name + "_joined", {0, tokens, width});
  const auto to_heads = [&](const std::string& part, Integers permutation) {
    const std::string y = net.op("Reshape", {project(net, name + part, x, width, width), split});
    return net.op("Transpose", {y}, {{"perm", std::move(permutation)}});
  };
  const std::string q = to_heads("_q", {0, 2, 1, 3});                     // (B, H, T, d)
  const std::string k = to_heads("_k", {0, 2, 3, 1});                     // (B, H, d, T)
  const std::string v = to_heads("_v", {0, 2, 1, 3});                     // (B, H, T, d)
  std::string scores = net.op("MatMul", {q, k});                          // (B, H, T, T)
  scores = net.op("Mul", {scores, scalar(net, name + "_scale", 0.25F)});  // d = 16
  scores = net.op("Softmax", {scores}, {{"axis", std::int64_t{-1}}});
  std::string y =
      net.op("Transpose", {net.op("MatMul", {scores, v})}, {{"perm", Integers{0, 2, 1, 3}}});
  return project(net, name + "_out", net.op("Reshape", {y, joined}), width, width);
}

/// x / 2 (1 + erf(x / sqrt 2)), spelt out as PyTorch exports it below opset 20.
std::string gelu(Network& net, const std::string& name, const std::string& x) {
  const std::string scaled = net.op("Mul", {x, scalar(net, name + "_scale", 0x1.6a09e6p-1F)});
  const std::string phi =
      net.op("Add", {net.op("Erf", {scaled}), scalar(net, name + "_one", 1.0F)});
  return net.op("Mul", {net.op("Mul", {x, phi}), scalar(net, name + "_half", 0.5F)});
}

}  // namespace

onnx::Model fastsim_mlp(const Entry& entry, const Batch& batch) {
  Network net(entry);
  std::string x = net.input("input", batch, {10});
  std::int64_t width = 10;
  for (const std::int64_t next : {14, 20, 50, 100}) {
    x = net.op("LeakyRelu", {net.dense(x, width, next)}, {{"alpha", static_cast<double>(0.3F)}});
    x = net.batch_normalization(x, next);
    width = next;
  }
  x = net.op("Sigmoid", {net.dense(x, width, 40500, 1)});
  return net.finish(x, "output", batch, {40500});
}

onnx::Model resnet_small(const Entry& entry, const Batch& batch) {
  Network net(entry);
  std::string x = net.input("image", batch, {1, 32, 32});
  x = net.relu(net.conv(x, {.in = 1, .out = 16, .kernel = 3, .pad = 1}));
  x = residual_block(net, x, 16);
  x = net.relu(net.conv(x, {.in = 16, .out = 32, .kernel = 3, .pad = 1, .stride = 2}));
  x = residual_block(net, x, 32);
  x = net.op("Flatten", {net.op("GlobalAveragePool", {x})}, {{"axis", std::int64_t{1}}});
  return net.finish(net.dense(x, 32, 10, 1), "scores", batch, {10});
}

onnx::Model graph_network(const Entry& entry, const Batch& batch) {
  // Events have 16 nodes of 8 features and 48 edges (source, target). All events of a batch are one
  // graph of 16 B nodes, as graph libraries batch them; here B is fixed in the file.
  constexpr std::int64_t nodes = 16;
  constexpr std::int64_t edges = 48;
  constexpr std::int64_t features = 8;
  constexpr std::int64_t width = 32;
  const std::int64_t events = batch.value_or(1);
  Network net(entry);
  std::string h = net.input("nodes", events * nodes, {features});
  const std::string source = net.input("source", events * edges, {}, DataType::int64);
  const std::string target = net.input("target", events * edges, {}, DataType::int64);
  const std::string zeros =
      net.constant("zeros", Tensor(DataType::float32, {events * nodes, width}));
  const std::string target_rows =
      net.op("Unsqueeze", {target, net.integers("row_axis", {1})});  // (E, 1)
  h = net.relu(net.dense(h, features, width));
  for (int step = 0; step < 2; ++step) {
    const auto rows = [&](const std::string& indices) {
      return net.op("Gather", {h, indices}, {{"axis", std::int64_t{0}}});
    };
    std::string message =
        net.op("Concat", {rows(source), rows(target)}, {{"axis", std::int64_t{1}}});
    message = net.relu(net.dense(message, 2 * width, width));
    message = net.dense(message, width, width, 1);  // (E, 32)
    const std::string sum = net.op("ScatterND", {zeros, target_rows, message},
                                   {{"reduction", std::string("add")}});  // (N, 32)
    std::string update = net.op("Concat", {h, sum}, {{"axis", std::int64_t{1}}});
    // Gain 1: a node's state is a sum over steps and messages and would grow.
    update = net.relu(net.dense(update, 2 * width, width, 1));
    h = net.op("Add", {h, update});
  }
  return net.finish(net.dense(h, width, 1, 1), "scores", events * nodes, {1});
}

onnx::Model patch_transformer(const Entry& entry, const Batch& batch) {
  constexpr std::int64_t tokens = 16;  // patches of 4 x 4 voxels
  constexpr std::int64_t patch = 16;   // voxels of one
  constexpr std::int64_t width = 64;
  constexpr std::int64_t heads = 4;
  Network net(entry);
  std::string x = net.input("voxels", batch, {tokens * patch});
  x = net.op("Reshape", {x, net.integers("patches", {0, tokens, patch})});
  x = project(net, "embed", x, patch, width);
  x = net.op("Add", {x, net.weights("positions", {tokens, width}, 4, 1)});
  for (int block = 0; block < 2; ++block) {
    const auto name = [&](std::string_view part) { return fmt::format("block{}_{}", block, part); };
    const std::string attended = self_attention(
        net, name("attention"), net.layer_normalization(x, width), tokens, width, heads);
    x = net.op("Add", {x, attended});
    std::string y =
        project(net, name("up"), net.layer_normalization(x, width), width, 2 * width, 2);
    y = project(net, name("down"), gelu(net, name("gelu"), y), 2 * width, width);
    x = net.op("Add", {x, y});
  }
  x = project(net, "unembed", net.layer_normalization(x, width), width, patch);
  x = net.op("Reshape", {x, net.integers("flat", {0, tokens * patch})});
  return net.finish(x, "deposits", batch, {tokens * patch});
}

}  // namespace moliere::zoo
