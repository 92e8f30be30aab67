// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <string>

#include "commands.hpp"
#include <fmt/format.h>
#include <unistd.h>

namespace moliere::app {
namespace {

constexpr std::size_t line_width = 79;
constexpr std::chrono::milliseconds terminal_interval{100};
constexpr std::chrono::seconds log_interval{10};

}  // namespace

LineProgress::LineProgress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

LineProgress::~LineProgress() { clear(); }

void LineProgress::clear() {
  if (terminal_ && dirty_) fmt::print(stderr, "\r{}\r", std::string(line_width, ' '));
  dirty_ = false;
}

void LineProgress::run(int index, int count) {
  index_ = index;
  count_ = count;
}

void LineProgress::update(double done, double total, std::string_view what) {
  const Clock::time_point now = Clock::now();
  if (now - shown_ < (terminal_ ? Clock::duration(terminal_interval) : log_interval)) return;
  shown_ = now;
  const double within = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 0.0;
  const double share = (index_ + within) / count_;
  const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - started_).count();
  const std::string run = count_ > 1 ? fmt::format("run {} of {}: ", index_ + 1, count_) : "";
  const std::string line =
      fmt::format("{:3.0f} % {:3}:{:02} {}{}", 100 * share, passed / 60, passed % 60, run, what);
  if (terminal_) {
    fmt::print(stderr, "\r{:<{}.{}}", line, line_width, line_width);
    dirty_ = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

}  // namespace moliere::app
