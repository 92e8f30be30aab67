// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/tensor.hpp"

#include <cstdint>
#include <variant>
#include <vector>

namespace moliere::reference {

/// One value during an evaluation in arithmetic `Scalar` (double: the truth; float: what single
/// precision costs). Whatever the declared type, floating-point elements are held as Scalar,
/// signed and unsigned integers as int64, booleans as uint8 (0 or 1).
template <class Scalar>
struct Value {
  /// As declared in the graph. A Cast to float16 rounds the elements, and so on.
  DataType type = DataType::float32;
  Shape shape;
  std::variant<std::vector<Scalar>, std::vector<std::int64_t>, std::vector<std::uint8_t>> elements;

  std::size_t size() const {
    return std::visit([](const auto& vector) { return vector.size(); }, elements);
  }
  bool is_real() const { return elements.index() == 0; }
  /// The elements of a floating-point value; throws Error for another kind.
  const std::vector<Scalar>& reals() const;
  /// The elements of an integer value; throws Error for another kind.
  const std::vector<std::int64_t>& integers() const;
  /// The elements of a boolean value; throws Error for another kind.
  const std::vector<std::uint8_t>& booleans() const;

  static Value real(Shape shape, std::vector<Scalar> elements, DataType type = DataType::float32);
  static Value integer(Shape shape, std::vector<std::int64_t> elements,
                       DataType type = DataType::int64);
  static Value boolean(Shape shape, std::vector<std::uint8_t> elements);

  static Value from_tensor(const Tensor& tensor);
  /// Rounded to the declared type.
  Tensor to_tensor() const;
};

extern template struct Value<double>;
extern template struct Value<float>;

}  // namespace moliere::reference
