// SPDX-License-Identifier: Apache-2.0
// node_shapes FOLDER EXCEPTIONS: holds shape inference to ONNX's backend node tests
// (tests/reference/dump_node_tests.py makes the folder).
//
// The inputs get the types and shapes of the test's own inputs; small integer inputs, and small
// ones that are not the first, become constants, as they are in real models, so that shapes that
// depend on them can be found. Then every output whose shape we infer has the type and the shape of
// the test's expected output. What we infer otherwise, or refuse, is listed in EXCEPTIONS ("name
// reason"). Ends with 77 (skipped) without the tests.
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/onnx/model_file.hpp"
#include "moliere/onnx/shape_inference.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace {

namespace fs = std::filesystem;
using namespace moliere;

/// Tests with onnx 1.23.2 whose every output is inferred, and right. May be raised.
constexpr int fewest_right = 1393;

/// Larger inputs are data, not shapes.
constexpr std::int64_t most_constant_elements = 64;

struct NodeTest {
  std::string name;
  int inputs = 0;
  int outputs = 0;
};

/// The tests whose inputs and outputs are tensors of numbers.
std::vector<NodeTest> read_index(const fs::path& path) {
  std::istringstream lines(read_text(path));
  std::vector<NodeTest> tests;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    NodeTest test;
    std::string skipped;
    std::string odd_kind;
    std::istringstream fields(line);
    fields >> test.name >> skipped >> skipped >> skipped >> test.inputs >> test.outputs >> odd_kind;
    if (odd_kind == "-") tests.push_back(std::move(test));
  }
  return tests;
}

std::map<std::string, std::string> read_exceptions(const fs::path& path) {
  std::istringstream lines(read_text(path));
  std::map<std::string, std::string> exceptions;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t space = line.find(' ');
    exceptions[line.substr(0, space)] = space == std::string::npos ? "" : line.substr(space + 1);
  }
  return exceptions;
}

Tensor read_tensor(const fs::path& folder, const char* kind, int i) {
  return onnx::parse_tensor(read_bytes(folder / fmt::format("{}_{}.pb", kind, i)));
}

/// The test's model with its inputs declared as they are given.
onnx::Model model_of(const fs::path& folder, const NodeTest& test) {
  onnx::Model model = onnx::load_model(folder / "model.onnx");
  std::vector<onnx::ValueInfo> inputs;
  for (int i = 0; i < test.inputs; ++i) {
    const Tensor given = read_tensor(folder, "input", i);
    const std::string& name = model.graph.inputs.at(static_cast<std::size_t>(i)).name;
    const bool may_be_constant = i > 0 || !is_floating_point(given.type());
    if (may_be_constant && given.size() <= most_constant_elements) {
      model.graph.initializers[name] = std::make_shared<const Tensor>(given);
      continue;
    }
    onnx::ValueInfo& info = inputs.emplace_back();
    info = {.name = name, .type = given.type(), .shape = std::vector<onnx::Dimension>{}};
    for (const std::int64_t extent : given.shape()) info.shape->push_back({.value = extent});
  }
  model.graph.inputs = std::move(inputs);
  return model;
}

enum class Verdict { right, unknown, wrong };
struct Outcome {
  Verdict verdict;
  std::string reason;
};

Outcome outcome_of(const fs::path& folder, const NodeTest& test) {
  try {
    const onnx::Model model = model_of(folder, test);
    const onnx::ShapeTable table = onnx::infer_shapes(model);
    for (int i = 0; i < test.outputs; ++i) {
      const std::string& name = model.graph.outputs.at(static_cast<std::size_t>(i)).name;
      const onnx::ValueShape* ours = table.find(name);
      if (ours == nullptr) {
        return {Verdict::unknown, table.unknown.empty() ? name : table.unknown.front()};
      }
      const Tensor expected = read_tensor(folder, "output", i);
      if (ours->type != expected.type() || ours->shape != expected.shape()) {
        return {Verdict::wrong,
                fmt::format("'{}' is {} {} instead of {} {}", name, to_string(ours->type),
                            to_string(ours->shape), to_string(expected.type()),
                            to_string(expected.shape()))};
      }
    }
  } catch (const Error& error) {
    return {Verdict::wrong, error.what()};
  }
  return {Verdict::right, {}};
}

int check(const fs::path& root, const fs::path& exceptions_path) {
  const auto exceptions = read_exceptions(exceptions_path);
  std::map<Verdict, int> count;
  int surprises = 0;
  std::string list;
  for (const NodeTest& test : read_index(root / "index.tsv")) {
    const Outcome outcome = outcome_of(root / test.name, test);
    ++count[outcome.verdict];
    const bool listed = exceptions.contains(test.name);
    if ((outcome.verdict == Verdict::wrong) != listed) {
      fmt::print("{}: {} {}\n", listed ? "listed, but is not wrong" : "WRONG, not listed",
                 test.name, outcome.reason);
      ++surprises;
    }
    if (outcome.verdict == Verdict::unknown)
      list += fmt::format("{}\t{}\n", test.name, outcome.reason);
  }
  for (const auto& [name, reason] : exceptions) {
    if (!reason.empty()) continue;
    fmt::print("listed without a reason: {}\n", name);
    ++surprises;
  }
  fmt::print("shapes: {} right, {} unknown, {} wrong or refused\n", count[Verdict::right],
             count[Verdict::unknown], count[Verdict::wrong]);
  write_atomically(root / "unknown_shapes.tsv", list);
  fmt::print("unknown ones, with reasons: {}\n", (root / "unknown_shapes.tsv").string());
  if (count[Verdict::right] < fewest_right) {
    fmt::print("fewer are right than the {} before\n", fewest_right);
    ++surprises;
  }
  return surprises == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: node_shapes FOLDER EXCEPTIONS\n");
    return 2;
  }
  if (!fs::exists(fs::path(argv[1]) / "index.tsv")) {
    fmt::print("skipped: {} holds no node tests (dump_node_tests.py makes them)\n", argv[1]);
    return 77;
  }
  try {
    return check(argv[1], argv[2]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
