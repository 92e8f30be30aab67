// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/file.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace moliere::test {

/// What a program left behind.
struct Outcome {
  int code = -1;  ///< exit code; 128 + signal where a signal ended it
  std::string out;
  std::string err;
};

/// The built `moliere`, run in a folder, with a cache and temporary files of the test's own.
class Program {
 public:
  explicit Program(const std::filesystem::path& folder) : folder_(folder) {}

  /// Runs it to its end. Fails the test where that takes more than a minute.
  Outcome run(const std::vector<std::string>& arguments);
  void start(const std::vector<std::string>& arguments);
  void signal(int number) const;
  Outcome wait();
  /// Whether its standard output or error comes to hold `text` before it ends, within a minute.
  bool says(const std::string& text) const;
  pid_t pid() const { return pid_; }
  /// Where it puts temporary files: empty after every run that was not killed.
  std::filesystem::path temporary() const { return folder_ / "tmp"; }

  std::map<std::string, std::string> environment;
  std::filesystem::path binary =
      std::filesystem::path(std::getenv("MOLIERE_BINARY_DIR")) / "bin" / "moliere";

 private:
  std::filesystem::path out() const { return folder_ / "stdout"; }
  std::filesystem::path err() const { return folder_ / "stderr"; }

  std::filesystem::path folder_;
  pid_t pid_ = -1;
};

/// The processes of the session of `leader` that still run: the workers that it left.
std::vector<pid_t> workers_of_session(pid_t leader);

}  // namespace moliere::test
