// SPDX-License-Identifier: Apache-2.0
#include "worker/worker_under_test.hpp"

#include <array>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace moliere::test {

WorkerUnderTest::WorkerUnderTest(const std::string& program, const Launch& launch) {
  ::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> requests{};
  std::array<int, 2> replies{};
  if (::pipe2(requests.data(), O_CLOEXEC) != 0 || ::pipe2(replies.data(), O_CLOEXEC) != 0) abort();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(requests[0], STDIN_FILENO);
    ::dup2(replies[1], STDOUT_FILENO);
    for (const auto& [key, value] : launch.environment) ::setenv(key.c_str(), value.c_str(), 1);
    if (launch.memory_limit != 0) {
      const rlimit limit{launch.memory_limit, launch.memory_limit};
      ::setrlimit(RLIMIT_AS, &limit);
    }
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::execl(program.c_str(), program.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(requests[0]);
  ::close(replies[1]);
  to_worker_ = requests[1];
  from_worker_ = replies[0];
}

WorkerUnderTest::~WorkerUnderTest() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  close_input();
  ::close(from_worker_);
}

void WorkerUnderTest::send(const std::string& line) {
  const std::string text = line + "\n";
  [[maybe_unused]] const ssize_t written = ::write(to_worker_, text.data(), text.size());
}

void WorkerUnderTest::close_input() {
  if (const int descriptor = std::exchange(to_worker_, -1); descriptor >= 0) ::close(descriptor);
}

bool WorkerUnderTest::is_silent_for(int milliseconds) {
  pollfd waiting{from_worker_, POLLIN, 0};
  return buffer_.empty() && ::poll(&waiting, 1, milliseconds) == 0;
}

std::optional<std::string> WorkerUnderTest::read_line() {
  while (true) {
    if (const std::size_t newline = buffer_.find('\n'); newline != std::string::npos) {
      std::string line = buffer_.substr(0, newline);
      buffer_.erase(0, newline + 1);
      return line;
    }
    pollfd waiting{from_worker_, POLLIN, 0};
    if (::poll(&waiting, 1, 10'000) <= 0) {
      ADD_FAILURE() << "the worker says nothing";
      return std::nullopt;
    }
    std::array<char, 4096> chunk;
    const ssize_t count = ::read(from_worker_, chunk.data(), chunk.size());
    if (count <= 0) {
      if (buffer_.empty()) return std::nullopt;
      return std::exchange(buffer_, "");
    }
    buffer_.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

Json WorkerUnderTest::ask(Json message) {
  message["id"] = next_id_;
  send(message.dump());
  const std::optional<std::string> line = read_line();
  const Json reply = Json::parse(line.value_or(""), nullptr, false);
  if (!reply.is_object()) {
    ADD_FAILURE() << "no reply to " << message.dump() << " but '" << line.value_or("(end)") << "'";
    return Json::object();
  }
  EXPECT_EQ(reply.value("id", -1), next_id_++);
  return reply;
}

int WorkerUnderTest::wait() {
  close_input();
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return status;
}

}  // namespace moliere::test
