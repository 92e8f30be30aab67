// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/progress.hpp"
#include "moliere/core/tensor.hpp"
#include "moliere/onnx/graph.hpp"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace moliere::bench {

/// The truth about one output of a model, over several inputs.
struct ExpectedOutput {
  std::string name;
  /// values[input set]: float64 for a floating-point output, else as declared.
  std::vector<Tensor> values;
  /// Largest standard deviation, over the inputs, of an element of the output.
  double spread = 0;
  /// max |y_ref|.
  double magnitude = 0;
  /// An engine whose error (see compare_output) is above this is wrong.
  double threshold = 0;
  /// The reference's own error in float32.
  double float32_error = 0;
  /// spread <= 100 float32 roundings of `magnitude`: nothing can be learnt from comparing it.
  bool constant = false;
  /// An operator before it jumps (ArgMax, TopK, comparisons, rounding), or it is no floating-point
  /// number: compared by the share of elements that differ.
  bool discontinuous = false;
};

/// Expected outputs of a model for the first inputs of a benchmark.
struct Expectation {
  /// In the graph's order; empty when the model cannot be verified.
  std::vector<ExpectedOutput> outputs;
  /// How many of the input sets have expected values.
  std::size_t inputs = 0;
  /// Why nothing can be verified ("the reference lacks NonMaxSuppression"); else empty.
  std::string unverifiable;
  bool from_cache = false;
};

struct VerificationLimits {
  /// Up to this many FLOP per call, every input set is evaluated; above, `few_inputs`.
  double flops_for_all = 2.5e11;
  std::size_t few_inputs = 4;
  /// Above this many FLOP per call the float32 evaluation is made on one input only.
  double flops_for_float32 = 2e9;
};

/// Evaluates the reference (or reads it from `cache`, keyed by the content of model and inputs).
/// Fewer than four sets of `inputs` say nothing of the spread, see set_thresholds. Never throws for
/// what the reference cannot do: see Expectation::unverifiable.
Expectation expect(const onnx::Model& model, std::span<const std::vector<Tensor>> inputs,
                   double flops, const VerificationLimits& limits,
                   const std::filesystem::path& cache, Progress& progress);

/// The user's own expected outputs in the place of the reference's: values[input set][output].
/// Throws Error where number, shape or type do not fit.
Expectation expect_given(const onnx::Model& model, std::vector<std::vector<Tensor>> values);

/// Sets spread, magnitude, constant and threshold of an output from its values.
/// The rule is docs/design's: spread is the largest standard deviation of an element over the
/// inputs; constant when spread <= 100 * 2^-24 * max |y_ref|; threshold = max(1e-4, 10 x
/// float32_error). With fewer than four inputs the spread is not known: max |y_ref| stands for it.
void set_thresholds(ExpectedOutput& output);

/// One output of an engine against the truth.
struct Comparison {
  /// max |y - y_ref| / spread; for a discontinuous output the share of elements that differ.
  double error = 0;
  /// "shape (1, 3) instead of (1, 2)", "NaN at element 7": wrong whatever the threshold.
  std::string mismatch;
};
Comparison compare_output(const ExpectedOutput& expected, std::size_t input, const Tensor& actual);

enum class Check {
  verified,
  wrong,
  /// Every output is constant: the model tests nothing.
  does_not_depend_on_input,
  /// There is no truth to compare with.
  unverified,
};
std::string_view to_string(Check check);
std::optional<Check> check_from_string(std::string_view name);

/// What was found about one engine's outputs.
struct Verification {
  Check check = Check::unverified;
  /// Largest error over outputs and inputs, and the threshold of that output.
  double error = 0;
  double threshold = 0;
  std::size_t inputs = 0;
  std::string worst_output;
  std::string reason;
};

/// Collects the outputs of one engine, call after call, into a verdict.
class Verifier {
 public:
  explicit Verifier(const Expectation& expectation) : expectation_(&expectation) {}
  /// `outputs` in the graph's order for input set `input`; sets beyond the expectation are ignored.
  /// `later` marks a call after the timed ones ("right only the first time" is then said).
  void add(std::size_t input, std::span<const Tensor> outputs, bool later);
  Verification result() const;

 private:
  const Expectation* expectation_;
  Verification found_;
  bool wrong_ = false;
  std::size_t seen_ = 0;
};

}  // namespace moliere::bench
