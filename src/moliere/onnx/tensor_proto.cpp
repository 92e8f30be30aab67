// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/error.hpp"
#include "moliere/onnx/detail/proto.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <utility>

#include <fmt/format.h>

namespace moliere::onnx::detail {
namespace fs = std::filesystem;
using ::onnx::TensorProto;
namespace {

constexpr std::array<std::pair<DataType, int>, 13> element_types{{
    {DataType::float32, TensorProto::FLOAT},
    {DataType::float64, TensorProto::DOUBLE},
    {DataType::float16, TensorProto::FLOAT16},
    {DataType::bfloat16, TensorProto::BFLOAT16},
    {DataType::int64, TensorProto::INT64},
    {DataType::int32, TensorProto::INT32},
    {DataType::int16, TensorProto::INT16},
    {DataType::int8, TensorProto::INT8},
    {DataType::uint64, TensorProto::UINT64},
    {DataType::uint32, TensorProto::UINT32},
    {DataType::uint16, TensorProto::UINT16},
    {DataType::uint8, TensorProto::UINT8},
    {DataType::boolean, TensorProto::BOOL},
}};

[[noreturn]] void throw_damaged(const std::string& what, const std::string& why) {
  throw Error(fmt::format("{} cannot be read", what), why,
              "the file is damaged: export the model again");
}

std::size_t checked_byte_size(DataType type, const Shape& shape, const std::string& what) {
  const std::int64_t count = element_count(shape);
  if (count > (std::int64_t{1} << 62) / static_cast<std::int64_t>(size_of(type))) {
    throw_damaged(what, fmt::format("its shape {} is impossible", to_string(shape)));
  }
  return static_cast<std::size_t>(count) * size_of(type);
}

/// Elements from one of the typed fields, which hold wider numbers than the type.
template <class Field>
Tensor from_field(DataType type, const Shape& shape, const Field& field, const std::string& what) {
  if (field.size() != element_count(shape)) {
    throw_damaged(what, fmt::format("its shape {} asks for {} elements and {} are there",
                                    to_string(shape), element_count(shape), field.size()));
  }
  Tensor tensor(type, shape);
  visit_type(type, [&]<class T>() {
    const std::span<T> elements = tensor.data<T>();
    for (int i = 0; i < field.size(); ++i) {
      auto& element = elements[static_cast<std::size_t>(i)];
      if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
        element.bits = static_cast<std::uint16_t>(field[i]);  // int32_data holds the bits
      } else {
        element = static_cast<T>(field[i]);
      }
    }
  });
  return tensor;
}

Tensor from_bytes(DataType type, const Shape& shape, std::string_view bytes,
                  const std::string& what) {
  if (bytes.size() != checked_byte_size(type, shape, what)) {
    throw_damaged(what,
                  fmt::format("its shape {} asks for {} bytes and {} are there", to_string(shape),
                              checked_byte_size(type, shape, what), bytes.size()));
  }
  Tensor tensor(type, shape);
  if (type == DataType::boolean) {
    // Any byte but 0 is true; as a C++ bool it may only be 0 or 1.
    const std::span<bool> elements = tensor.data<bool>();
    for (std::size_t i = 0; i < bytes.size(); ++i) elements[i] = bytes[i] != 0;
  } else if (!bytes.empty()) {
    std::memcpy(tensor.bytes().data(), bytes.data(), bytes.size());
  }
  return tensor;
}

std::uint64_t parse_number(const std::string& text, const std::string& what) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw_damaged(what, fmt::format("'{}' is no position in an external file", text));
  }
  return value;
}

/// The external file, which must lie in or below `folder`: a model must not read other files.
fs::path external_file(const std::string& location, const std::string& what,
                       const fs::path& folder) {
  const auto refuse = [&](std::string_view why) {
    throw Error(fmt::format("{} lies in the external file '{}'", what, location), why,
                "keep external data beside the model, under a relative name");
  };
  if (folder.empty()) refuse("a model that is not read from a file has no external data");
  const fs::path relative(location);
  if (location.empty() || relative.is_absolute()) refuse("its name is not relative");
  std::error_code error;
  const fs::path root = fs::canonical(folder, error);
  fs::path file = fs::weakly_canonical(root / relative, error);
  const auto [end_of_root, unused] =
      std::mismatch(root.begin(), root.end(), file.begin(), file.end());
  if (error || end_of_root != root.end()) refuse("it is outside the model's folder");
  if (!fs::is_regular_file(file, error)) refuse("there is no such file");
  return file;
}

Tensor from_external(const TensorProto& proto, DataType type, const Shape& shape,
                     const std::string& what, const fs::path& folder) {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = parse_number(entry.value(), what);
    if (entry.key() == "length") length = parse_number(entry.value(), what);
  }
  const fs::path file = external_file(location, what, folder);
  const std::uint64_t wanted = checked_byte_size(type, shape, what);
  const std::uint64_t present = fs::file_size(file);
  if (length && *length != wanted) {
    throw_damaged(what, fmt::format("its shape {} asks for {} bytes and {} are declared",
                                    to_string(shape), wanted, *length));
  }
  if (offset > present || present - offset < wanted) {
    throw_damaged(what, fmt::format("{} ends before it", file.filename().string()));
  }
  std::string bytes(wanted, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(offset));
  stream.read(bytes.data(), static_cast<std::streamsize>(wanted));
  if (!stream) throw_damaged(what, fmt::format("{} cannot be read", file.filename().string()));
  return from_bytes(type, shape, bytes, what);
}

}  // namespace

std::optional<DataType> data_type_from_proto(int type) {
  for (const auto& [ours, theirs] : element_types) {
    if (theirs == type) return ours;
  }
  return std::nullopt;
}

int data_type_to_proto(DataType type) {
  for (const auto& [ours, theirs] : element_types) {
    if (ours == type) return theirs;
  }
  return TensorProto::UNDEFINED;
}

std::string type_name(int type) {
  const bool known = ::onnx::TensorProto_DataType_IsValid(type);
  return known ? ::onnx::TensorProto_DataType_Name(static_cast<::onnx::TensorProto_DataType>(type))
               : fmt::format("type {}", type);
}

Tensor tensor_from_proto(const TensorProto& proto, const std::string& what,
                         const fs::path& folder) {
  const std::optional<DataType> type = data_type_from_proto(proto.data_type());
  if (!type) {
    throw Error(fmt::format("{} has elements of {}", what, type_name(proto.data_type())),
                "Molière computes with floats, integers and booleans",
                "export the model without quantisation or strings");
  }
  if (proto.has_segment()) throw_damaged(what, "it is stored in segments");
  const Shape shape(proto.dims().begin(), proto.dims().end());
  element_count(shape);  // throws for what cannot be
  if (proto.data_location() == TensorProto::EXTERNAL) {
    return from_external(proto, *type, shape, what, folder);
  }
  if (proto.has_raw_data()) return from_bytes(*type, shape, proto.raw_data(), what);
  switch (*type) {
    case DataType::float32:
      return from_field(*type, shape, proto.float_data(), what);
    case DataType::float64:
      return from_field(*type, shape, proto.double_data(), what);
    case DataType::int64:
      return from_field(*type, shape, proto.int64_data(), what);
    case DataType::uint32:
    case DataType::uint64:
      return from_field(*type, shape, proto.uint64_data(), what);
    default:
      return from_field(*type, shape, proto.int32_data(), what);
  }
}

void tensor_to_proto(const Tensor& tensor, const std::string& name, TensorProto& proto) {
  proto.set_name(name);
  proto.set_data_type(data_type_to_proto(tensor.type()));
  for (const std::int64_t extent : tensor.shape()) proto.add_dims(extent);
  const std::span<const std::byte> bytes = tensor.bytes();
  proto.set_raw_data(bytes.data(), bytes.size());
}

}  // namespace moliere::onnx::detail
