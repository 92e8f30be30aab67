// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/sample_buffer.hpp"

#include <numbers>

namespace moliere::worker {

void SampleBuffer::start(std::size_t expected) {
  expected = std::min(expected, capacity);
  if (expected > touched_) {
    std::fill(samples_.get() + touched_, samples_.get() + expected, 0.0);
    touched_ = expected;
  }
  count_ = 0;
  calls_ = 0;
  total_ns_ = 0;
  min_ns_ = std::numeric_limits<double>::infinity();
  max_ns_ = 0;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

std::vector<double> thin(std::span<const double> values, std::size_t keep) {
  if (values.size() <= keep) return {values.begin(), values.end()};
  std::vector<double> kept;
  kept.reserve(keep);
  const double stretch = static_cast<double>(values.size()) / static_cast<double>(keep);
  double place = 0;  // within the stretch, in [0, 1)
  for (std::size_t i = 0; i < keep; ++i) {
    const auto index = static_cast<std::size_t>((static_cast<double>(i) + place) * stretch);
    kept.push_back(values[std::min(index, values.size() - 1)]);
    place += std::numbers::phi - 1;
    if (place >= 1) place -= 1;
  }
  return kept;
}

}  // namespace moliere::worker
