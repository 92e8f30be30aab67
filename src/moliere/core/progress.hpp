// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

namespace moliere {

/// Where long work tells how far it is. The library never prints: the command line shows it.
class Progress {
 public:
  virtual ~Progress() = default;
  /// `done` of `total` parts are finished; `what` is being worked at now.
  virtual void update(double done, double total, std::string_view what) = 0;
};

/// Shows nothing.
class SilentProgress final : public Progress {
 public:
  void update(double, double, std::string_view) override {}
};

}  // namespace moliere
