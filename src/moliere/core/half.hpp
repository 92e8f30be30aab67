// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace moliere {

/// IEEE 754 binary16: storage only, computed with after conversion.
struct Float16 {
  std::uint16_t bits = 0;
  Float16() = default;
  /// Rounds to nearest, ties to even; overflows to infinity.
  explicit Float16(double value);
  explicit operator double() const;
  explicit operator float() const { return static_cast<float>(static_cast<double>(*this)); }
  bool operator==(const Float16&) const = default;
};

/// bfloat16: the upper half of a binary32.
struct BFloat16 {
  std::uint16_t bits = 0;
  BFloat16() = default;
  /// Rounds to nearest, ties to even; overflows to infinity.
  explicit BFloat16(double value);
  explicit operator double() const;
  explicit operator float() const { return static_cast<float>(static_cast<double>(*this)); }
  bool operator==(const BFloat16&) const = default;
};

}  // namespace moliere
