// SPDX-License-Identifier: Apache-2.0
// node_tests FOLDER EXCEPTIONS: runs ONNX's backend node tests (dump_node_tests.py) on both paths
// of the reference, in float64, and prints how many pass.
//
// A test is claimed where the reference has all of its operators and its inputs and outputs are
// tensors of numbers. Every claimed test passes or is listed in EXCEPTIONS ("name reason"), and
// what is listed there does not pass: both are held. Ends with 77 (skipped) without the tests.
#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/onnx/model_file.hpp"
#include "moliere/reference/evaluate.hpp"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace {

namespace fs = std::filesystem;
using moliere::DataType;
using moliere::Error;
using moliere::Tensor;

/// What passes with onnx 1.23.2: a test that is no longer claimed would be missed by the list of
/// exceptions alone. May be raised; of the float32 tests 700 are the least that is promised.
constexpr int fewest_passed = 1434;
constexpr int fewest_float32_passed = 727;

struct NodeTest {
  std::string name;
  double rtol = 0;
  double atol = 0;
  bool float32 = false;
  int inputs = 0;
  int outputs = 0;
  /// "sequence", "string", ... or "-".
  std::string odd_kind;
};

std::vector<NodeTest> read_index(const fs::path& path) {
  std::istringstream lines(moliere::read_text(path));
  std::string line;
  std::vector<NodeTest> tests;
  while (std::getline(lines, line)) {
    if (line.starts_with('#')) continue;
    NodeTest test;
    std::istringstream fields(line);
    fields >> test.name >> test.rtol >> test.atol >> test.float32 >> test.inputs >> test.outputs >>
        test.odd_kind;
    tests.push_back(std::move(test));
  }
  return tests;
}

/// name -> reason.
std::map<std::string, std::string> read_exceptions(const fs::path& path) {
  std::istringstream lines(moliere::read_text(path));
  std::string line;
  std::map<std::string, std::string> exceptions;
  while (std::getline(lines, line)) {
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t space = line.find(' ');
    exceptions[line.substr(0, space)] = space == std::string::npos ? "" : line.substr(space + 1);
  }
  return exceptions;
}

Tensor read_tensor(const fs::path& path) {
  const std::vector<std::byte> bytes = moliere::read_bytes(path);
  return moliere::onnx::parse_tensor(bytes);
}

std::vector<Tensor> read_tensors(const fs::path& folder, const char* kind, int number) {
  std::vector<Tensor> tensors;
  for (int i = 0; i < number; ++i) {
    tensors.push_back(read_tensor(folder / fmt::format("{}_{}.pb", kind, i)));
  }
  return tensors;
}

/// A float64 result as a variable of the declared type would hold it.
double rounded_to(double x, DataType type) {
  switch (type) {
    case DataType::float16:
      return static_cast<double>(moliere::Float16(x));
    case DataType::bfloat16:
      return static_cast<double>(moliere::BFloat16(x));
    case DataType::float32:
      return static_cast<double>(static_cast<float>(x));
    default:
      return x;
  }
}

bool is_close(double actual, double expected, double rtol, double atol) {
  if (std::isnan(expected) || std::isnan(actual)) return std::isnan(expected) && std::isnan(actual);
  if (std::isinf(expected) || std::isinf(actual)) return expected == actual;
  return std::abs(actual - expected) <= atol + rtol * std::abs(expected);
}

/// What is wrong with a result; empty: nothing.
std::string difference(const Tensor& actual, const Tensor& expected, const NodeTest& test) {
  const bool real = moliere::is_floating_point(expected.type());
  const DataType wanted = real ? DataType::float64 : expected.type();
  if (actual.type() != wanted) {
    return fmt::format("type {} instead of {}", moliere::to_string(actual.type()),
                       to_string(wanted));
  }
  if (actual.shape() != expected.shape()) {
    return fmt::format("shape {} instead of {}", moliere::to_string(actual.shape()),
                       moliere::to_string(expected.shape()));
  }
  // bfloat16 has 8 bits: ONNX's own runner allows two units in the last place.
  const double rtol = expected.type() == DataType::bfloat16 ? 0x1p-6 : test.rtol;
  const std::vector<double> a = actual.to_doubles();
  const std::vector<double> e = expected.to_doubles();
  for (std::size_t i = 0; i < e.size(); ++i) {
    const double rounded = rounded_to(a[i], expected.type());
    if (!is_close(rounded, e[i], rtol, test.atol)) {
      return fmt::format("element {} is {} instead of {}", i, rounded, e[i]);
    }
  }
  return {};
}

/// Runs one path; what is wrong, or nothing.
std::string run(const moliere::onnx::Model& model, const NodeTest& test, const fs::path& folder,
                moliere::reference::Path path) {
  const std::vector<Tensor> inputs = read_tensors(folder, "input", test.inputs);
  const std::vector<Tensor> expected = read_tensors(folder, "output", test.outputs);
  const auto actual = moliere::reference::evaluate<double>(model, inputs, path);
  if (actual.size() != expected.size()) return "the number of outputs is wrong";
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::string problem = difference(actual[i], expected[i], test);
    if (!problem.empty()) return fmt::format("output {}: {}", i, problem);
  }
  return {};
}

struct Outcome {
  enum class Kind { passed, failed, not_claimed } kind;
  std::string reason;
};

Outcome outcome_of(const NodeTest& test, const fs::path& folder, std::set<std::string>& missing) {
  if (test.odd_kind != "-") return {Outcome::Kind::not_claimed, "values: " + test.odd_kind};
  try {
    const auto model = moliere::onnx::load_model(folder / "model.onnx");
    const auto lacking = moliere::reference::missing_operators(model);
    missing.insert(lacking.begin(), lacking.end());
    if (!lacking.empty()) return {Outcome::Kind::not_claimed, "operator " + lacking[0]};
    for (const auto path :
         {moliere::reference::Path::readable, moliere::reference::Path::blocked}) {
      const std::string problem = run(model, test, folder, path);
      if (!problem.empty()) return {Outcome::Kind::failed, problem};
    }
  } catch (const Error& error) {
    return {Outcome::Kind::failed, error.what()};
  }
  return {Outcome::Kind::passed, {}};
}

struct Counts {
  int total = 0;
  int passed = 0;
  int failed = 0;
  int not_claimed = 0;

  void add(Outcome::Kind kind) {
    ++total;
    ++(kind == Outcome::Kind::passed   ? passed
       : kind == Outcome::Kind::failed ? failed
                                       : not_claimed);
  }
  void print(const char* what) const {
    fmt::print("{:<10} {:5} tests: {:5} passed, {:4} failed, {:4} not claimed\n", what, total,
               passed, failed, not_claimed);
  }
};

int check(const fs::path& root, const fs::path& exceptions_path) {
  const auto exceptions = read_exceptions(exceptions_path);
  Counts all;
  Counts float32;
  std::set<std::string> missing;
  std::set<std::string> seen;
  std::string list;
  int surprises = 0;
  for (const NodeTest& test : read_index(root / "index.tsv")) {
    const Outcome outcome = outcome_of(test, root / test.name, missing);
    all.add(outcome.kind);
    if (test.float32) float32.add(outcome.kind);
    const bool listed = exceptions.contains(test.name);
    seen.insert(test.name);
    if (outcome.kind != Outcome::Kind::passed) {
      const bool claimed = outcome.kind == Outcome::Kind::failed;
      list += fmt::format("{}\t{}\t{}\n", test.name, claimed ? "failed" : "not claimed",
                          outcome.reason);
    }
    if (outcome.kind == Outcome::Kind::failed && !listed) {
      fmt::print("FAILED, not listed: {}: {}\n", test.name, outcome.reason);
      ++surprises;
    } else if (outcome.kind != Outcome::Kind::failed && listed) {
      fmt::print("listed, but does not fail: {}\n", test.name);
      ++surprises;
    }
  }
  for (const auto& [name, reason] : exceptions) {
    if (reason.empty()) fmt::print("listed without a reason: {}\n", name);
    if (!seen.contains(name)) fmt::print("listed, but there is no such test: {}\n", name);
    surprises += reason.empty() || !seen.contains(name) ? 1 : 0;
  }
  all.print("all");
  float32.print("float32");
  fmt::print("operators that the reference lacks ({}): {}\n", missing.size(),
             fmt::join(missing, " "));
  moliere::write_atomically(root / "not_passed.tsv", list);
  fmt::print("what did not pass, with reasons: {}\n", (root / "not_passed.tsv").string());
  if (all.passed < fewest_passed || float32.passed < fewest_float32_passed) {
    fmt::print("fewer passed than before: {} in all, {} with float32 alone are known\n",
               fewest_passed, fewest_float32_passed);
    ++surprises;
  }
  return surprises == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: node_tests FOLDER EXCEPTIONS\n");
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
