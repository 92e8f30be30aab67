// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/channel.hpp"

#include "moliere/core/error.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace moliere::worker {
namespace {

[[noreturn]] void fail(std::string_view problem) {
  throw Error(problem, std::strerror(errno), "check that the caller is still there");
}

/// A copy of the descriptor that programs started by this one do not inherit.
int private_copy(int descriptor) {
  const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) fail("cannot set a standard stream aside");
  return copy;
}

}  // namespace

Channel Channel::take_standard_streams() {
  std::fflush(stdout);
  Channel channel(private_copy(STDIN_FILENO), private_copy(STDOUT_FILENO));
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0 || ::dup2(nothing, STDIN_FILENO) < 0) fail("cannot empty standard input");
  ::close(nothing);
  if (::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) fail("cannot redirect standard output");
  return channel;
}

Channel::~Channel() {
  if (input_ >= 0) ::close(input_);
  if (output_ >= 0) ::close(output_);
}

Channel::Channel(Channel&& other) noexcept
    : input_(std::exchange(other.input_, -1)),
      output_(std::exchange(other.output_, -1)),
      buffer_(std::move(other.buffer_)) {}

std::optional<std::string> Channel::read_line() {
  std::size_t searched = 0;
  while (true) {
    const std::size_t newline = buffer_.find('\n', searched);
    if (newline != std::string::npos) {
      std::string line = buffer_.substr(0, newline);
      buffer_.erase(0, newline + 1);
      return line;
    }
    searched = buffer_.size();
    std::array<char, 1 << 16> chunk;
    const ssize_t count = ::read(input_, chunk.data(), chunk.size());
    if (count == 0) return std::nullopt;
    if (count > 0) {
      buffer_.append(chunk.data(), static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      fail("cannot read a request");
    }
  }
}

void Channel::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(output_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      fail("cannot write a reply");
    }
  }
}

}  // namespace moliere::worker
