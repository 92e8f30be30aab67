// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/progress.hpp"

#include <chrono>

#include <CLI/CLI.hpp>

/// The subcommands of `moliere-flow`, one file each; conventions as in apps/moliere.
namespace moliere::app {

/// Exit codes, those of `moliere`.
enum ExitCode : int {
  success = 0,
  /// The command line or an input is wrong; nothing was done.
  user_error = 2,
  /// A bug of ours.
  internal_error = 70,
};

/// One line on standard error: rewritten in place on a terminal, else every ten seconds.
class LineProgress final : public Progress {
 public:
  LineProgress();
  /// Wipes the line.
  ~LineProgress() override;
  void update(double done, double total, std::string_view what) override;
  /// What is told from now on is of run `index` (from 0) of `count`.
  void run(int index, int count);
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool terminal_;
  bool dirty_ = false;
  int index_ = 0;
  int count_ = 1;
  Clock::time_point started_ = Clock::now();
  Clock::time_point shown_ = Clock::now();
};

void add_classify(CLI::App& app);
/// Hidden: prints docs/cli-flow.md.
void add_reference(CLI::App& app);

}  // namespace moliere::app
