// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/bench/outcome.hpp"
#include "moliere/core/json.hpp"
#include "moliere/worker/protocol.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/types.h>

namespace moliere::bench {

/// A worker did not do what it was asked: carries the row's outcome, phase and reason.
class WorkerFailure : public std::runtime_error {
 public:
  explicit WorkerFailure(Failure failure)
      : std::runtime_error(failure.reason), failure_(std::move(failure)) {}
  const Failure& failure() const { return failure_; }

 private:
  Failure failure_;
};

/// The user asked to stop.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

struct WorkerLaunch {
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;
  /// Where the worker's standard error goes.
  std::filesystem::path log;
  /// Limit of the address space [bytes]; 0: none.
  std::uint64_t memory_limit = 0;
  /// CPUs that the worker may use; empty: all of the caller's.
  std::vector<int> cpus;
};

/// One worker: started, asked over pipes (docs/formats/worker-protocol.md), ended. It runs in a
/// process group of its own (Ctrl-C reaches only `moliere`) and is killed when `moliere` dies.
class WorkerProcess {
 public:
  using Seconds = std::chrono::duration<double>;

  /// Starts the program and waits for `ready`. `stop` turning true ends any wait with Interrupted.
  /// Throws WorkerFailure.
  WorkerProcess(const WorkerLaunch& launch, Seconds timeout,
                const std::atomic<bool>* stop = nullptr);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  const worker::protocol::Ready& ready() const { return ready_; }
  /// From the start of the process to the arrival of `ready` [ns].
  std::int64_t start_ns() const { return start_ns_; }

  /// Sends a request and returns its reply: `ask<protocol::Loaded>(protocol::Load{...}, timeout)`.
  /// Throws WorkerFailure for an error reply, the worker's end, silence longer than `timeout`, a
  /// line that is no such reply. After any of these but an error reply the worker is dead.
  template <class Reply, class Request>
  Reply ask(const Request& request, Seconds timeout) {
    const std::string phase(Request::type);
    const Json json = exchange(phase, worker::protocol::to_json(request), Reply::type, timeout);
    return parse<Reply>(phase, json);
  }

  /// Asks it to end and kills it after a grace period.
  void shut_down() noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  Json exchange(const std::string& phase, Json request, std::string_view reply_type,
                Seconds timeout);
  template <class Message>
  Message parse(const std::string& phase, const Json& json) {
    try {
      return worker::protocol::from_json<Message>(json);
    } catch (const std::exception& error) {
      fail(Outcome::protocol_error, phase, error.what());
    }
  }
  std::string read_line(const std::string& phase, Seconds timeout);
  Json read_message(const std::string& phase, Seconds timeout);
  void send(const std::string& phase, const std::string& line, Seconds timeout);
  /// Whether `descriptor` is ready; false after a short while, so that the stop flag is looked at.
  bool wait_for(int descriptor, short event, const std::string& phase, Clock::time_point deadline,
                Seconds timeout);
  /// Ends the worker and throws.
  [[noreturn]] void fail(Outcome outcome, const std::string& phase, const std::string& reason);
  /// The worker closed its side: says how it ended and throws.
  [[noreturn]] void fail_ended(const std::string& phase, bool in_message);
  /// Closes the pipes, gives the worker `grace` to exit by itself, kills its process group, and
  /// returns its wait status; nothing when it had to be killed or was gone already.
  std::optional<int> end(Seconds grace) noexcept;
  std::string last_log_line() const;

  pid_t pid_ = -1;
  int to_worker_ = -1;
  int from_worker_ = -1;
  std::string buffer_;
  std::filesystem::path log_;
  std::uint64_t memory_limit_ = 0;
  const std::atomic<bool>* stop_ = nullptr;
  worker::protocol::Ready ready_;
  std::int64_t start_ns_ = 0;
  std::int64_t next_id_ = 1;
};

}  // namespace moliere::bench
