// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/half.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace moliere {
namespace {

/// Rounds `value` to a binary floating-point format of `mantissa_bits` explicit fraction bits and
/// `exponent_bits` exponent bits (sign first), to nearest, ties to even, straight from double so
/// that no double rounding occurs.
std::uint16_t round_to_format(double value, int mantissa_bits, int exponent_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const unsigned infinity = ((1U << exponent_bits) - 1U) << mantissa_bits;
  const unsigned sign = std::signbit(value) ? 1U << (mantissa_bits + exponent_bits) : 0U;
  if (std::isnan(value))
    return static_cast<std::uint16_t>(sign | infinity | (1U << (mantissa_bits - 1)));
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude)) return static_cast<std::uint16_t>(sign | infinity);
  if (magnitude == 0.0) return static_cast<std::uint16_t>(sign);
  // One unit in the last place is 2^(e - mantissa_bits), with e no lower than the subnormals' one.
  const int exponent = std::max(std::ilogb(magnitude), 1 - bias);
  const double units = std::nearbyint(std::ldexp(magnitude, mantissa_bits - exponent));
  // `units` holds the hidden bit where the number is normal; a carry moves into the exponent.
  const auto encoded =
      static_cast<unsigned>(units) + (static_cast<unsigned>(exponent + bias - 1) << mantissa_bits);
  return static_cast<std::uint16_t>(sign |
                                    (exponent > bias || encoded > infinity ? infinity : encoded));
}

}  // namespace

Float16::Float16(double value) : bits(round_to_format(value, 10, 5)) {}

Float16::operator double() const {
  const int exponent = (bits >> 10) & 0x1F;
  const int fraction = bits & 0x3FF;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 0x1F) return fraction != 0 ? std::nan("") : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(fraction + 0x400, exponent - 25);
}

BFloat16::BFloat16(double value) : bits(round_to_format(value, 7, 8)) {}

BFloat16::operator double() const {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace moliere
