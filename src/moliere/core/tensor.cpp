// SPDX-License-Identifier: Apache-2.0
#include "moliere/core/tensor.hpp"

#include <fmt/format.h>

namespace moliere {

Tensor::Tensor(DataType type, Shape shape)
    : type_(type),
      shape_(std::move(shape)),
      bytes_(static_cast<std::size_t>(element_count(shape_)) * size_of(type)) {}

Tensor Tensor::reshaped(Shape shape) const {
  assert(element_count(shape) == size());
  Tensor result = *this;
  result.shape_ = std::move(shape);
  return result;
}

std::vector<double> Tensor::to_doubles() const {
  return visit_type(type_, [&]<class T>() {
    const std::span<const T> values = data<T>();
    std::vector<double> result(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) result[i] = static_cast<double>(values[i]);
    return result;
  });
}

}  // namespace moliere
