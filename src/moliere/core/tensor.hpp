// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/data_type.hpp"
#include "moliere/core/shape.hpp"

#include <cassert>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

namespace moliere {

/// What a tensor is called and looks like, without its values.
struct TensorSpec {
  std::string name;
  DataType type = DataType::float32;
  Shape shape;

  std::size_t byte_size() const {
    return static_cast<std::size_t>(element_count(shape)) * size_of(type);
  }
  bool operator==(const TensorSpec&) const = default;
};

/// A dense row-major array that owns its memory (64-byte aligned, zero-filled on creation).
/// Copies are deep.
class Tensor {
 public:
  /// An empty float32 tensor of shape (0).
  Tensor() : shape_{0} {}
  /// Zero-filled. Throws Error when the shape is impossible, std::bad_alloc when memory is short.
  Tensor(DataType type, Shape shape);

  template <class T>
  static Tensor from(Shape shape, std::span<const T> values) {
    Tensor tensor(data_type_of<T>(), std::move(shape));
    assert(static_cast<std::int64_t>(values.size()) == tensor.size());
    std::copy(values.begin(), values.end(), tensor.data<T>().begin());
    return tensor;
  }
  template <class T>
  static Tensor scalar(T value) {
    return from<T>({}, std::span<const T>(&value, 1));
  }

  DataType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  /// Number of elements.
  std::int64_t size() const { return static_cast<std::int64_t>(bytes_.size() / size_of(type_)); }
  std::span<std::byte> bytes() { return bytes_; }
  std::span<const std::byte> bytes() const { return bytes_; }

  /// The elements; T must be the C++ type of type().
  template <class T>
  std::span<T> data() {
    assert(type_ == data_type_of<T>());
    return {reinterpret_cast<T*>(bytes_.data()), static_cast<std::size_t>(size())};
  }
  template <class T>
  std::span<const T> data() const {
    assert(type_ == data_type_of<T>());
    return {reinterpret_cast<const T*>(bytes_.data()), static_cast<std::size_t>(size())};
  }

  /// The same elements in another shape of the same size.
  Tensor reshaped(Shape shape) const;
  /// Every element as double (bool as 0 and 1; 64-bit integers are rounded above 2^53).
  std::vector<double> to_doubles() const;

  bool operator==(const Tensor&) const = default;

 private:
  /// Vectorised loads of any engine are aligned: no engine may be slower for where its input lies.
  template <class T>
  struct AlignedAllocator {
    using value_type = T;
    static constexpr std::align_val_t alignment{64};
    AlignedAllocator() = default;
    template <class U>
    AlignedAllocator(const AlignedAllocator<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), alignment)); }
    void deallocate(T* p, std::size_t) { ::operator delete(p, alignment); }
    bool operator==(const AlignedAllocator&) const = default;
  };

  DataType type_ = DataType::float32;
  Shape shape_;
  std::vector<std::byte, AlignedAllocator<std::byte>> bytes_;
};

}  // namespace moliere
