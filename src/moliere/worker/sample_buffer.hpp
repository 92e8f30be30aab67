// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

namespace moliere::worker {

/// What one stream notes during one slice: the time of every sample, into memory that is there
/// before the first call. Minimum, maximum and mean cover all samples; the first `capacity` are
/// kept one by one and give the median.
class SampleBuffer {
 public:
  /// 2 MiB a stream; a second of samples of 3.8 us. Slices of a benchmark are a fraction of that.
  static constexpr std::size_t capacity = std::size_t{1} << 18;

  SampleBuffer() : samples_(std::make_unique_for_overwrite<double[]>(capacity)) {}

  /// Empties the buffer and touches the memory of the next `expected` samples, so that the slice
  /// meets no page faults of ours.
  void start(std::size_t expected);

  void add(std::int64_t elapsed_ns, std::int64_t calls) {
    const double per_call = static_cast<double>(elapsed_ns) / static_cast<double>(calls);
    if (count_ < capacity) samples_[count_] = per_call;
    ++count_;
    calls_ += calls;
    total_ns_ += elapsed_ns;
    min_ns_ = std::min(min_ns_, per_call);
    max_ns_ = std::max(max_ns_, per_call);
  }

  /// The samples kept, per call [ns], in the order taken.
  std::span<const double> samples() const { return {samples_.get(), std::min(count_, capacity)}; }
  std::size_t count() const { return count_; }
  std::int64_t calls() const { return calls_; }
  std::int64_t total_ns() const { return total_ns_; }
  double min_ns() const { return min_ns_; }
  double max_ns() const { return max_ns_; }

 private:
  std::unique_ptr<double[]> samples_;
  std::size_t touched_ = 0;
  std::size_t count_ = 0;
  std::int64_t calls_ = 0;
  std::int64_t total_ns_ = 0;
  double min_ns_ = std::numeric_limits<double>::infinity();
  double max_ns_ = 0;
};

/// The middle value, or the mean of the two middle ones; 0 for no values.
double median(std::vector<double> values);

/// At most `keep` of the values, one from each of `keep` equal stretches, in order. Where in its
/// stretch a value is taken moves by the golden ratio: a fixed stride could meet the same input
/// slot each time.
std::vector<double> thin(std::span<const double> values, std::size_t keep);

}  // namespace moliere::worker
