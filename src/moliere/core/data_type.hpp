// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/half.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace moliere {

/// Element types of tensors; the names are ONNX's, in lower case.
enum class DataType : std::uint8_t {
  float32,
  float64,
  float16,
  bfloat16,
  int64,
  int32,
  int16,
  int8,
  uint64,
  uint32,
  uint16,
  uint8,
  boolean,
};

/// Bytes of one element.
std::size_t size_of(DataType type);
/// "float32", "bool", ...
std::string_view to_string(DataType type);
/// The inverse of to_string; empty for an unknown name.
std::optional<DataType> data_type_from_string(std::string_view name);
/// float16, bfloat16, float32, float64.
bool is_floating_point(DataType type);

/// Calls `visitor.template operator()<T>()` with the C++ type that stores `type`: float, double,
/// Float16, BFloat16, std::int64_t, ..., bool.
template <class Visitor>
decltype(auto) visit_type(DataType type, Visitor&& visitor) {
  switch (type) {
    case DataType::float32:
      return visitor.template operator()<float>();
    case DataType::float64:
      return visitor.template operator()<double>();
    case DataType::float16:
      return visitor.template operator()<Float16>();
    case DataType::bfloat16:
      return visitor.template operator()<BFloat16>();
    case DataType::int64:
      return visitor.template operator()<std::int64_t>();
    case DataType::int32:
      return visitor.template operator()<std::int32_t>();
    case DataType::int16:
      return visitor.template operator()<std::int16_t>();
    case DataType::int8:
      return visitor.template operator()<std::int8_t>();
    case DataType::uint64:
      return visitor.template operator()<std::uint64_t>();
    case DataType::uint32:
      return visitor.template operator()<std::uint32_t>();
    case DataType::uint16:
      return visitor.template operator()<std::uint16_t>();
    case DataType::uint8:
      return visitor.template operator()<std::uint8_t>();
    case DataType::boolean:
      break;
  }
  return visitor.template operator()<bool>();
}

/// The DataType that stores T; only the types above.
template <class T>
constexpr DataType data_type_of() {
  if constexpr (std::is_same_v<T, float>) return DataType::float32;
  if constexpr (std::is_same_v<T, double>) return DataType::float64;
  if constexpr (std::is_same_v<T, Float16>) return DataType::float16;
  if constexpr (std::is_same_v<T, BFloat16>) return DataType::bfloat16;
  if constexpr (std::is_same_v<T, std::int64_t>) return DataType::int64;
  if constexpr (std::is_same_v<T, std::int32_t>) return DataType::int32;
  if constexpr (std::is_same_v<T, std::int16_t>) return DataType::int16;
  if constexpr (std::is_same_v<T, std::int8_t>) return DataType::int8;
  if constexpr (std::is_same_v<T, std::uint64_t>) return DataType::uint64;
  if constexpr (std::is_same_v<T, std::uint32_t>) return DataType::uint32;
  if constexpr (std::is_same_v<T, std::uint16_t>) return DataType::uint16;
  if constexpr (std::is_same_v<T, std::uint8_t>) return DataType::uint8;
  if constexpr (std::is_same_v<T, bool>) return DataType::boolean;
}

}  // namespace moliere
