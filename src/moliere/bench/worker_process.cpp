// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/worker_process.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace moliere::bench {
namespace protocol = worker::protocol;
namespace {

/// A longer line is no message: the protocol keeps tensors out of JSON.
constexpr std::size_t longest_line = std::size_t{64} << 20;
/// Exit code of the child when the program cannot be started (the shell's convention).
constexpr int exit_not_started = 127;

constexpr WorkerProcess::Seconds no_grace{0.0};

/// Ends that nobody took are closed with it.
struct Pipe {
  int read_end = -1;
  int write_end = -1;
  ~Pipe() {
    for (const int end : {read_end, write_end}) {
      if (end >= 0) ::close(end);
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw Error("cannot make a pipe", std::strerror(errno),
                  "close other programs or raise ulimit -n");
    }
    read_end = ends[0];
    write_end = ends[1];
  }
};

/// The caller's environment with `extra` over it, as "A=b" strings.
std::vector<std::string> merged_environment(const std::map<std::string, std::string>& extra) {
  std::map<std::string, std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      merged[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  for (const auto& [key, value] : extra) merged[key] = value;
  std::vector<std::string> strings;
  for (const auto& [key, value] : merged) strings.push_back(fmt::format("{}={}", key, value));
  return strings;
}

std::vector<char*> c_strings(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// In the child, between fork and exec: only async-signal-safe calls.
[[noreturn]] void become_worker(const WorkerLaunch& launch, int input, int output, int log,
                                pid_t parent, char* const* arguments, char* const* environment) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(exit_not_started);  // moliere died before prctl
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  if (launch.memory_limit != 0) {
    const rlimit limit{launch.memory_limit, launch.memory_limit};
    ::setrlimit(RLIMIT_AS, &limit);
  }
  const rlimit no_core{0, 0};  // a crash is data, its core file is litter
  ::setrlimit(RLIMIT_CORE, &no_core);
  if (!launch.cpus.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int cpu : launch.cpus) CPU_SET(static_cast<unsigned>(cpu), &set);
    ::sched_setaffinity(0, sizeof set, &set);
  }
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGPIPE, SIG_DFL);
  ::execvpe(arguments[0], arguments, environment);
  constexpr std::string_view message = "cannot start the program\n";
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, message.data(), message.size());
  ::_exit(exit_not_started);
}

/// "" where it is missing or no text.
std::string type_of(const Json& message) {
  const auto type = message.find("type");
  return type != message.end() && type->is_string() ? type->get<std::string>() : "";
}

std::string first_characters(const std::string& text) {
  constexpr std::size_t shown = 60;
  std::string result;
  for (const char c : text.substr(0, shown)) {
    result +=
        static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? '?' : c;
  }
  return result;
}

}  // namespace

WorkerProcess::WorkerProcess(const WorkerLaunch& launch, Seconds timeout,
                             const std::atomic<bool>* stop)
    : log_(launch.log), memory_limit_(launch.memory_limit), stop_(stop) {
  Pipe requests;
  Pipe replies;
  const int log = ::open(launch.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) {
    throw Error(fmt::format("cannot write {}", launch.log.string()), std::strerror(errno),
                "check the free space and the permissions of its folder");
  }
  std::vector<std::string> arguments = launch.command;
  std::vector<std::string> environment = merged_environment(launch.environment);
  const std::vector<char*> argument_pointers = c_strings(arguments);
  const std::vector<char*> environment_pointers = c_strings(environment);
  const pid_t parent = ::getpid();
  const Clock::time_point started = Clock::now();
  pid_ = ::fork();
  if (pid_ == 0) {
    become_worker(launch, requests.read_end, replies.write_end, log, parent,
                  argument_pointers.data(), environment_pointers.data());
  }
  ::close(std::exchange(requests.read_end, -1));
  ::close(std::exchange(replies.write_end, -1));
  ::close(log);
  to_worker_ = std::exchange(requests.write_end, -1);
  from_worker_ = std::exchange(replies.read_end, -1);
  // A worker that does not listen must not make a write wait for ever.
  ::fcntl(to_worker_, F_SETFL, O_NONBLOCK);
  if (pid_ < 0) {
    const int code = errno;
    end(no_grace);
    throw Error("cannot start a process", std::strerror(code), "close other programs");
  }
  try {
    const Json message = read_message("start", timeout);
    start_ns_ = std::chrono::nanoseconds(Clock::now() - started).count();
    const std::string type = type_of(message);
    if (type == protocol::Unavailable::type) {
      const auto unavailable = parse<protocol::Unavailable>("start", message);
      fail(Outcome::not_available, "start", unavailable.reason);
    }
    if (type != protocol::Ready::type) {
      fail(Outcome::protocol_error, "start", fmt::format("'{}' came instead of 'ready'", type));
    }
    const auto spoken = message.find("protocol");
    if (spoken == message.end() || *spoken != protocol::version) {
      fail(Outcome::protocol_error, "start",
           fmt::format(
               "the worker speaks protocol {}, this moliere speaks {}: rebuild the older one",
               spoken == message.end() ? "none" : spoken->dump(), protocol::version));
    }
    ready_ = parse<protocol::Ready>("start", message);
  } catch (...) {
    end(no_grace);
    throw;
  }
}

WorkerProcess::~WorkerProcess() { end(no_grace); }

Json WorkerProcess::exchange(const std::string& phase, Json request, std::string_view reply_type,
                             Seconds timeout) {
  request["id"] = next_id_;
  send(phase, protocol::to_line(request), timeout);
  Json reply = read_message(phase, timeout);
  const auto id = reply.find("id");
  if (id == reply.end() || *id != next_id_) {
    fail(Outcome::protocol_error, phase, "the reply does not carry the request's id");
  }
  ++next_id_;
  const std::string came = type_of(reply);
  if (came == protocol::Failure::type) {
    const auto failure = parse<protocol::Failure>(phase, reply);
    const Outcome outcome = outcome_from_string(failure.kind).value_or(Outcome::failed);
    throw WorkerFailure({outcome, phase, failure.reason});
  }
  if (came != reply_type) {
    fail(Outcome::protocol_error, phase,
         fmt::format("'{}' came instead of '{}'", came, reply_type));
  }
  return reply;
}

void WorkerProcess::send(const std::string& phase, const std::string& line, Seconds timeout) {
  const Clock::time_point deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout);
  // A worker that died must not kill moliere with SIGPIPE: main ignores that signal.
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = ::write(to_worker_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE || errno == EBADF) {
      fail_ended(phase, false);
    } else if (errno == EAGAIN) {
      wait_for(to_worker_, POLLOUT, phase, deadline, timeout);
    } else if (errno != EINTR) {
      fail(Outcome::protocol_error, phase, fmt::format("cannot write: {}", std::strerror(errno)));
    }
  }
}

bool WorkerProcess::wait_for(int descriptor, short event, const std::string& phase,
                             Clock::time_point deadline, Seconds timeout) {
  if (stop_ != nullptr && stop_->load()) throw Interrupted();
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  if (left.count() <= 0) {
    fail(Outcome::timed_out, phase, fmt::format("no answer within {:.4g} s", timeout.count()));
  }
  // Wake up now and then to look at the stop flag: a signal may come just before poll.
  constexpr std::int64_t look_every_ms = 200;
  pollfd waiting{descriptor, event, 0};
  const auto wait_ms = std::min<std::int64_t>(left.count() + 1, look_every_ms);
  return ::poll(&waiting, 1, static_cast<int>(wait_ms)) > 0;
}

std::string WorkerProcess::read_line(const std::string& phase, Seconds timeout) {
  const Clock::time_point deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout);
  std::size_t searched = 0;
  while (true) {
    const std::size_t newline = buffer_.find('\n', searched);
    if (newline != std::string::npos) {
      std::string line = buffer_.substr(0, newline);
      buffer_.erase(0, newline + 1);
      return line;
    }
    searched = buffer_.size();
    if (buffer_.size() > longest_line) {
      fail(Outcome::protocol_error, phase, "a line longer than 64 MiB came");
    }
    if (!wait_for(from_worker_, POLLIN, phase, deadline, timeout)) continue;
    std::array<char, 1 << 16> chunk;
    const ssize_t count = ::read(from_worker_, chunk.data(), chunk.size());
    if (count == 0) {
      fail_ended(phase, !buffer_.empty());
    }
    if (count > 0) buffer_.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

Json WorkerProcess::read_message(const std::string& phase, Seconds timeout) {
  const std::string line = read_line(phase, timeout);
  Json message = Json::parse(line, nullptr, false);
  if (message.is_discarded() || !message.is_object()) {
    fail(Outcome::protocol_error, phase,
         fmt::format("a line that is no message came: '{}'", first_characters(line)));
  }
  return message;
}

void WorkerProcess::fail(Outcome outcome, const std::string& phase, const std::string& reason) {
  end(no_grace);
  throw WorkerFailure({outcome, phase, reason});
}

void WorkerProcess::fail_ended(const std::string& phase, bool in_message) {
  // It closed its output; the exit itself may take a moment (a core of many threads, a big heap).
  const std::optional<int> ended = end(Seconds(5.0));
  if (!ended) {
    throw WorkerFailure({Outcome::protocol_error, phase, "it closed its output and did not exit"});
  }
  const int status = *ended;
  const std::string last = last_log_line();
  const bool starved = last.find("bad_alloc") != std::string::npos ||
                       last.find("annot allocate memory") != std::string::npos;
  std::string reason;
  Outcome outcome = Outcome::crashed;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    outcome = Outcome::out_of_memory;
    reason = "killed by signal 9, as the kernel does when memory is short";
  } else if (WIFSIGNALED(status)) {
    reason =
        fmt::format("killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  } else if (WEXITSTATUS(status) == exit_not_started && phase == "start") {
    outcome = Outcome::not_available;
    reason = "the program of the worker cannot be started";
  } else {
    reason = fmt::format("exited with code {} before it answered", WEXITSTATUS(status));
  }
  if (in_message) reason += ", in the middle of a message";
  if (starved) outcome = Outcome::out_of_memory;
  if (starved && memory_limit_ != 0) {
    reason += fmt::format(", under a memory limit of {} MiB", memory_limit_ >> 20);
  }
  if (!last.empty()) reason += fmt::format("; its last words: {}", last);
  throw WorkerFailure({outcome, phase, reason});
}

std::optional<int> WorkerProcess::end(Seconds grace) noexcept {
  for (int* descriptor : {&to_worker_, &from_worker_}) {
    if (*descriptor >= 0) ::close(*descriptor);
    *descriptor = -1;
  }
  if (pid_ <= 0) return std::nullopt;
  int status = 0;
  bool killed = false;
  const Clock::time_point deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(grace);
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (Clock::now() >= deadline) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status, 0);
      killed = true;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ::kill(-pid_, SIGKILL);  // what is left of its group: engines may have started helpers
  pid_ = -1;
  if (killed) return std::nullopt;
  return status;
}

void WorkerProcess::shut_down() noexcept {
  if (pid_ <= 0) return;
  try {
    ask<protocol::Bye>(protocol::Shutdown{}, Seconds(5.0));
  } catch (...) {  // its figures are in: how it leaves does not matter
  }
  end(Seconds(2.0));
}

std::string WorkerProcess::last_log_line() const {
  try {
    std::string text = read_text(log_);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
      text.pop_back();
    constexpr std::size_t longest = 200;
    const std::size_t begin = text.rfind('\n') + 1;  // npos + 1 == 0
    return text.substr(begin, longest);
  } catch (const Error&) {
    return "";
  }
}

}  // namespace moliere::bench
