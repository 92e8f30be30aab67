// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/data_type.hpp"

#include <array>
#include <utility>

namespace moliere {
namespace {

constexpr std::array<std::pair<DataType, std::string_view>, 13> type_names{{
    {DataType::float32, "float32"},
    {DataType::float64, "float64"},
    {DataType::float16, "float16"},
    {DataType::bfloat16, "bfloat16"},
    {DataType::int64, "int64"},
    {DataType::int32, "int32"},
    {DataType::int16, "int16"},
    {DataType::int8, "int8"},
    {DataType::uint64, "uint64"},
    {DataType::uint32, "uint32"},
    {DataType::uint16, "uint16"},
    {DataType::uint8, "uint8"},
    {DataType::boolean, "bool"},
}};

}  // namespace

std::size_t size_of(DataType type) {
  return visit_type(type, []<class T>() { return sizeof(T); });
}

std::string_view to_string(DataType type) {
  for (const auto& [candidate, name] : type_names) {
    if (candidate == type) return name;
  }
  return "unknown";
}

std::optional<DataType> data_type_from_string(std::string_view name) {
  for (const auto& [type, candidate] : type_names) {
    if (candidate == name) return type;
  }
  return std::nullopt;
}

bool is_floating_point(DataType type) {
  return type == DataType::float32 || type == DataType::float64 || type == DataType::float16 ||
         type == DataType::bfloat16;
}

}  // namespace moliere
