// SPDX-License-Identifier: Apache-2.0
#include "apps/program.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace moliere::test {
namespace fs = std::filesystem;
namespace {

/// Far above what any test needs, also under sanitizers on a busy machine.
constexpr auto longest = std::chrono::minutes(4);
constexpr auto pause = std::chrono::milliseconds(5);

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

void Program::start(const std::vector<std::string>& arguments) {
  std::vector<std::string> words{binary.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  // Before the fork: a child of a program with threads may not allocate.
  const std::string cache = (folder_ / "cache").string();
  const std::string out_file = out().string();
  const std::string err_file = err().string();
  const std::string temporary_folder = temporary().string();
  fs::create_directories(temporary());
  fs::remove(out());
  fs::remove(err());
  pid_ = ::fork();
  if (pid_ != 0) return;
  ::setsid();  // the workers of this run are those of its session
  ::setenv("MOLIERE_CACHE_DIR", cache.c_str(), 1);
  ::setenv("TMPDIR", temporary_folder.c_str(), 1);
  for (const auto& [key, value] : environment) ::setenv(key.c_str(), value.c_str(), 1);
  constexpr mode_t readable = 0600;
  ::dup2(::open(out_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, readable), STDOUT_FILENO);
  ::dup2(::open(err_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, readable), STDERR_FILENO);
  if (::chdir(folder_.c_str()) == 0) ::execv(pointers[0], pointers.data());
  ::_exit(127);
}

void Program::signal(int number) const { ::kill(pid_, number); }

Outcome Program::wait() {
  const auto end = std::chrono::steady_clock::now() + longest;
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "moliere did not end: " << text_of(err());
      ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, &status, 0);
      break;
    }
    std::this_thread::sleep_for(pause);
  }
  Outcome outcome;
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.out = text_of(out());
  outcome.err = text_of(err());
  return outcome;
}

Outcome Program::run(const std::vector<std::string>& arguments) {
  start(arguments);
  return wait();
}

bool Program::says(const std::string& text) const {
  const auto end = std::chrono::steady_clock::now() + longest;
  while (std::chrono::steady_clock::now() < end) {
    if (text_of(out()).find(text) != std::string::npos) return true;
    if (text_of(err()).find(text) != std::string::npos) return true;
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == pid_) {
      return text_of(out()).find(text) != std::string::npos;
    }
    std::this_thread::sleep_for(pause);
  }
  return false;
}

std::vector<pid_t> workers_of_session(pid_t leader) {
  std::vector<pid_t> workers;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid > 0 && pid != leader && ::getsid(pid) == leader) {
      // A process that has ended and waits to be collected has no executable any more.
      std::error_code gone;
      if (!fs::read_symlink(entry.path() / "exe", gone).empty()) workers.push_back(pid);
    }
  }
  return workers;
}

}  // namespace moliere::test
