// SPDX-License-Identifier: Apache-2.0
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <limits>

namespace moliere::reference::detail {
namespace {

/// The nearest number that `type` can hold.
template <class Scalar>
Scalar rounded_to(Scalar x, DataType type) {
  switch (type) {
    case DataType::float16:
      return static_cast<Scalar>(static_cast<double>(Float16(static_cast<double>(x))));
    case DataType::bfloat16:
      return static_cast<Scalar>(static_cast<double>(BFloat16(static_cast<double>(x))));
    case DataType::float32:
      return static_cast<Scalar>(static_cast<float>(x));
    default:
      return x;
  }
}

/// Towards zero; what an int64 cannot hold becomes its lowest value, as on x86.
template <class Scalar>
std::int64_t truncated(Scalar x) {
  constexpr auto limit = static_cast<Scalar>(std::numeric_limits<std::int64_t>::max());
  if (!(x > -limit && x < limit)) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(x);
}

}  // namespace

template <class Scalar>
Value<Scalar> converted(const Value<Scalar>& x, DataType type) {
  return std::visit(
      [&](const auto& from) {
        using From = typename std::decay_t<decltype(from)>::value_type;
        if (is_floating_point(type)) {
          std::vector<Scalar> to(from.size());
          std::ranges::transform(from, to.begin(),
                                 [&](From v) { return rounded_to(static_cast<Scalar>(v), type); });
          return Value<Scalar>::real(x.shape, std::move(to), type);
        }
        if (type == DataType::boolean) {
          std::vector<std::uint8_t> to(from.size());
          std::ranges::transform(from, to.begin(), [](From v) { return v != From{0} ? 1 : 0; });
          return Value<Scalar>::boolean(x.shape, std::move(to));
        }
        std::vector<std::int64_t> to(from.size());
        std::ranges::transform(from, to.begin(), [&](From v) {
          if constexpr (std::is_floating_point_v<From>) return wrap_integer(truncated(v), type);
          return wrap_integer(static_cast<std::int64_t>(v), type);
        });
        return Value<Scalar>::integer(x.shape, std::move(to), type);
      },
      x.elements);
}

template Value<double> converted(const Value<double>&, DataType);
template Value<float> converted(const Value<float>&, DataType);

DataType type_from_number(std::int64_t number) {
  switch (number) {
    case 1:
      return DataType::float32;
    case 2:
      return DataType::uint8;
    case 3:
      return DataType::int8;
    case 4:
      return DataType::uint16;
    case 5:
      return DataType::int16;
    case 6:
      return DataType::int32;
    case 7:
      return DataType::int64;
    case 9:
      return DataType::boolean;
    case 10:
      return DataType::float16;
    case 11:
      return DataType::float64;
    case 12:
      return DataType::uint32;
    case 13:
      return DataType::uint64;
    case 16:
      return DataType::bfloat16;
    default:
      throw_invalid(fmt::format("element type {} (string, complex, float8, 4 bits, ...)", number));
  }
}

}  // namespace moliere::reference::detail
