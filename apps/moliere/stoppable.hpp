// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "commands.hpp"
#include "console.hpp"
#include <fmt/format.h>

namespace moliere::app {

/// Ctrl-C in the middle of work that cannot be kept.
struct Interrupted {};

/// Shows progress, and ends the work at the first Ctrl-C; half-written files go with their writer.
class StoppableProgress final : public Progress {
 public:
  explicit StoppableProgress(const std::atomic<bool>& stop) : stop_(stop) {}
  /// Throws Interrupted after Ctrl-C; where something else shows the progress.
  void check() const {
    if (stop_) throw Interrupted{};
  }
  void update(double done, double total, std::string_view what) override {
    check();
    console_.update(done, total, what);
  }
  /// The part that comes now, of several.
  void part(std::size_t index, std::size_t count, std::string name) {
    console_.part(index, count, std::move(name));
  }
  /// Wipes the line, so that something else can be printed.
  void clear() { console_.clear(); }

 private:
  const std::atomic<bool>& stop_;
  ConsoleProgress console_;
};

/// Runs work(progress); an interrupted one sets the exit code.
template <class Work>
void run_stoppable(Context& context, const Work& work) {
  StoppableProgress progress(*context.stop);
  try {
    work(progress);
  } catch (const Interrupted&) {
    progress.clear();
    fmt::print(stderr, "moliere: interrupted, nothing was written\n");
    context.exit_code = interrupted;
  }
}

}  // namespace moliere::app
