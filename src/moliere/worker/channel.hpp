// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace moliere::worker {

/// The worker's end of the conversation: lines in, lines out, over descriptors of its own.
class Channel {
 public:
  /// Takes the process's standard input and output for the conversation. Standard input then is
  /// empty and standard output is standard error, so that neither an engine's library nor a
  /// program that it starts can disturb the protocol.
  static Channel take_standard_streams();

  /// Owns both descriptors.
  Channel(int input, int output) : input_(input), output_(output) {}
  ~Channel();
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&&) = delete;

  /// The next line without its line feed; blocks. Empty at the end of input, where a last line
  /// without a line feed is dropped: its sender died.
  std::optional<std::string> read_line();
  /// Writes all of it. Throws Error when the other side is gone.
  void write(std::string_view text);

 private:
  int input_ = -1;
  int output_ = -1;
  std::string buffer_;
};

}  // namespace moliere::worker
