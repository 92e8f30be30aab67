// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "moliere/core/tensor.hpp"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace moliere::bench {

/// A tensor of a file and the name that it has there (empty in a .npy file).
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// NumPy's format 1.0 to 3.0, C and Fortran order, little-endian; the result is in C order.
/// Throws Error for another magic, big-endian or structured types, a header that is cut off, or
/// fewer or more bytes than the shape asks for.
Tensor parse_npy(std::span<const std::byte> bytes, const std::string& what);

/// The arrays of a .npz archive, stored or deflated, in the order of the archive.
std::vector<NamedTensor> read_npz(const std::filesystem::path& file);

/// One set of a model's tensors: .npz (by name, else in order), .npy (a model with one), or a
/// folder of ONNX's test data (input_0.pb, ... or output_0.pb, ...: `stem`_i.pb). The result is in
/// the order of `specs`. Throws Error when names, number, types or shapes do not fit, or for NaN.
std::vector<Tensor> read_tensors(const std::filesystem::path& file,
                                 std::span<const TensorSpec> specs, const std::string& stem);

/// The elements alone, little-endian, row-major: how tensors travel to and from workers. Written in
/// one go, not synced: the file lives as long as the run. Throws Error.
void write_raw(const std::filesystem::path& file, const Tensor& tensor);
/// Throws Error when the file has not the size that `spec` asks for.
Tensor read_raw(const std::filesystem::path& file, const TensorSpec& spec);

}  // namespace moliere::bench
