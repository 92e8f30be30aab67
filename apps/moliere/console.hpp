// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/progress.hpp"

#include <chrono>
#include <cstddef>
#include <string>

namespace moliere::app {

/// One line on standard error, rewritten in place, with a bar and the time passed; on something
/// that is not a terminal a line every ten seconds. Standard output stays free for results.
class ConsoleProgress final : public Progress {
 public:
  ConsoleProgress();
  /// Wipes the line.
  ~ConsoleProgress() override;
  void update(double done, double total, std::string_view what) override;
  /// The part that comes now: part `index` of `count`; its own progress runs within it.
  void part(std::size_t index, std::size_t count, std::string name);
  /// Wipes the line, so that something else can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool terminal_;
  std::size_t index_ = 0;
  std::size_t count_ = 1;
  std::string name_;
  Clock::time_point started_ = Clock::now();
  Clock::time_point shown_;
  bool dirty_ = false;
};

}  // namespace moliere::app
