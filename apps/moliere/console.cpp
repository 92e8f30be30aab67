// SPDX-License-Identifier: Apache-2.0
#include "console.hpp"

#include "moliere/report/format.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace moliere::app {
namespace {

constexpr std::size_t line_width = 79;
constexpr std::size_t bar_width = 20;
constexpr std::chrono::milliseconds terminal_interval{100};
constexpr std::chrono::seconds log_interval{10};

}  // namespace

ConsoleProgress::ConsoleProgress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

ConsoleProgress::~ConsoleProgress() { clear(); }

void ConsoleProgress::part(std::size_t index, std::size_t count, std::string name) {
  index_ = index;
  count_ = std::max<std::size_t>(count, 1);
  name_ = std::move(name);
}

void ConsoleProgress::clear() {
  if (terminal_ && dirty_) fmt::print(stderr, "\r{}\r", std::string(line_width, ' '));
  dirty_ = false;
}

void ConsoleProgress::update(double done, double total, std::string_view what) {
  const Clock::time_point now = Clock::now();
  if (now - shown_ < (terminal_ ? Clock::duration(terminal_interval) : log_interval)) return;
  shown_ = now;
  const double within = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 0.0;
  const double share = (static_cast<double>(index_) + within) / static_cast<double>(count_);
  const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - started_).count();
  const auto filled = static_cast<std::size_t>(share * bar_width);
  const std::string line = fmt::format(
      "[{}{}] {:3.0f} % {:3}:{:02} {} {}", std::string(filled, '#'),
      std::string(bar_width - filled, '.'), 100 * share, passed / 60, passed % 60, name_, what);
  if (terminal_) {
    fmt::print(stderr, "\r{}", report::left(line, line_width));
    dirty_ = true;
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

}  // namespace moliere::app
