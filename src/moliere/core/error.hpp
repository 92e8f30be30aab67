// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace moliere {

/// A mistake of the user or a fault of the surroundings (a file, a disk): caught by the command
/// line, printed as one line `problem (why it is a problem) suggestion`, exit code not 0.
///
/// A bug of ours is not an Error: it trips an assertion. What an engine does wrong (crash, time
/// out, refuse a model) is not an Error either: it is a value, see bench::Outcome.
class Error : public std::runtime_error {
 public:
  Error(std::string_view problem, std::string_view why, std::string_view suggestion)
      : std::runtime_error(fmt::format("{} ({}) {}", problem, why, suggestion)),
        problem_(problem),
        why_(why),
        suggestion_(suggestion) {}

  /// The same error, with what it is about in front: "model.onnx: problem (why) suggestion".
  Error about(std::string_view subject) const {
    return {fmt::format("{}: {}", subject, problem_), why_, suggestion_};
  }

 private:
  std::string problem_;
  std::string why_;
  std::string suggestion_;
};

}  // namespace moliere
