// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/json.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <sys/types.h>

namespace moliere::test {

struct Launch {
  std::map<std::string, std::string> environment;
  /// Limit of the address space [bytes]; 0: none.
  std::uint64_t memory_limit = 0;
};

/// A worker process and its two pipes, without any of the care that a real caller takes.
class WorkerUnderTest {
 public:
  explicit WorkerUnderTest(const std::string& program, const Launch& launch = {});
  ~WorkerUnderTest();
  WorkerUnderTest(const WorkerUnderTest&) = delete;
  WorkerUnderTest& operator=(const WorkerUnderTest&) = delete;

  pid_t pid() const { return pid_; }
  void send(const std::string& line);
  void close_input();
  /// The next line without its line feed (or what came of one before the end); empty at the end.
  /// Fails the test after ten seconds of silence.
  std::optional<std::string> read_line();
  /// Whether nothing comes for so long.
  bool is_silent_for(int milliseconds);
  /// Sends the message with a new id and returns the reply.
  Json ask(Json message);
  /// Closes its input and returns the wait status.
  int wait();

 private:
  pid_t pid_ = -1;
  int to_worker_ = -1;
  int from_worker_ = -1;
  std::string buffer_;
  int next_id_ = 1;
};

}  // namespace moliere::test
