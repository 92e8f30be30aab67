// SPDX-License-Identifier: Apache-2.0
#include "moliere/worker/denormals.hpp"

#include <cstring>

namespace moliere::worker {
namespace {

/// IEEE 754: the exponent's bits are all zero and the fraction's are not. Looked up in the bits,
/// because a library may have told this thread to take denormals for zero.
template <class Bits>
std::int64_t count(const std::byte* data, std::int64_t elements, unsigned fraction_bits) {
  constexpr unsigned width = 8 * sizeof(Bits);
  const auto sign = static_cast<Bits>(Bits{1} << (width - 1));
  const auto smallest_normal = static_cast<Bits>(Bits{1} << fraction_bits);
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < elements; ++i) {
    Bits bits;
    std::memcpy(&bits, data + static_cast<std::size_t>(i) * sizeof bits, sizeof bits);
    const auto magnitude = static_cast<Bits>(bits & static_cast<Bits>(~sign));
    found += magnitude != 0 && magnitude < smallest_normal;
  }
  return found;
}

}  // namespace

std::int64_t count_denormals(const engine::ConstTensorView& tensor) {
  const std::int64_t elements = element_count(tensor.spec.shape);
  switch (tensor.spec.type) {
    case DataType::float32:
      return count<std::uint32_t>(tensor.data, elements, 23);
    case DataType::float64:
      return count<std::uint64_t>(tensor.data, elements, 52);
    case DataType::float16:
      return count<std::uint16_t>(tensor.data, elements, 10);
    case DataType::bfloat16:
      return count<std::uint16_t>(tensor.data, elements, 7);
    default:
      return 0;
  }
}

}  // namespace moliere::worker
