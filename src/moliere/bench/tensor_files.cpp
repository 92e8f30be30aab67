// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/tensor_files.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/onnx/model_file.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <regex>

#include <fmt/ranges.h>
#include <zip.h>

namespace moliere::bench {
namespace fs = std::filesystem;
namespace {

using moliere::to_string;  // of shapes and types, beside those of this namespace

constexpr std::string_view npy_magic = "\x93NUMPY";
/// numpy reads no longer header either; a regular expression would exhaust the stack over one.
constexpr std::size_t longest_header = 10'000;

[[noreturn]] void throw_bad_array(const std::string& what, const std::string& why) {
  throw Error(fmt::format("{} cannot be read", what), why,
              "write it with numpy.save or numpy.savez as a plain array");
}

/// "<f4" -> float32
DataType type_from_descr(const std::string& descr, const std::string& what) {
  static const std::map<std::string, DataType> types{
      {"f4", DataType::float32}, {"f8", DataType::float64}, {"f2", DataType::float16},
      {"i8", DataType::int64},   {"i4", DataType::int32},   {"i2", DataType::int16},
      {"i1", DataType::int8},    {"u8", DataType::uint64},  {"u4", DataType::uint32},
      {"u2", DataType::uint16},  {"u1", DataType::uint8},   {"b1", DataType::boolean}};
  if (descr.starts_with(">")) throw_bad_array(what, "its elements are big-endian");
  const auto found = descr.empty() ? types.end() : types.find(descr.substr(1));
  if (found == types.end()) {
    throw_bad_array(what, fmt::format("elements of type '{}' are no plain numbers", descr));
  }
  return found->second;
}

struct NpyHeader {
  DataType type = DataType::float32;
  bool fortran_order = false;
  Shape shape;
  std::size_t size = 0;  // of magic, version, length and text
};

/// The header is a Python dictionary of three known keys (NEP 1).
NpyHeader parse_header(std::string_view bytes, const std::string& what) {
  constexpr std::size_t shortest = 10;
  if (bytes.size() < shortest || !bytes.starts_with(npy_magic)) {
    throw_bad_array(what, "it does not begin like a NumPy array");
  }
  const int version = static_cast<unsigned char>(bytes[6]);
  if (version < 1 || version > 3) {
    throw_bad_array(what, fmt::format("it has version {} of the format", version));
  }
  const bool wide = version > 1;  // a length of 4 bytes
  const std::size_t begin = wide ? 12 : 10;
  std::size_t length = 0;
  for (std::size_t i = 8; i < begin && i < bytes.size(); ++i) {
    length |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])) << (8 * (i - 8));
  }
  if (bytes.size() < begin || bytes.size() - begin < length)
    throw_bad_array(what, "its header is cut off");
  if (length > longest_header) throw_bad_array(what, "its header is far too long");
  const std::string text(bytes.substr(begin, length));
  std::smatch match;
  NpyHeader header{.size = begin + length};
  if (!std::regex_search(text, match, std::regex("'descr': *'([^']*)'"))) {
    throw_bad_array(what, "its elements are structured");
  }
  header.type = type_from_descr(match[1], what);
  header.fortran_order = std::regex_search(text, std::regex("'fortran_order': *True"));
  if (!std::regex_search(text, match, std::regex("'shape': *\\(([0-9, ]*)\\)"))) {
    throw_bad_array(what, "its header has no shape");
  }
  const std::string extents = match[1];
  const std::regex number("[0-9]{1,18}");
  for (auto i = std::sregex_iterator(extents.begin(), extents.end(), number);
       i != std::sregex_iterator(); ++i) {
    header.shape.push_back(std::stoll(i->str()));
  }
  return header;
}

/// Column-major to row-major.
Tensor to_row_major(const Tensor& from) {
  Tensor to(from.type(), from.shape());
  const std::size_t width = size_of(from.type());
  const Shape& shape = from.shape();
  Shape index(shape.size(), 0);
  for (std::size_t i = 0; i < static_cast<std::size_t>(from.size()); ++i) {
    std::int64_t source = 0;
    for (std::size_t axis = shape.size(); axis-- > 0;) source = source * shape[axis] + index[axis];
    std::memcpy(to.bytes().data() + i * width,
                from.bytes().data() + static_cast<std::size_t>(source) * width, width);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return to;
}

struct ZipCloser {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

std::vector<std::byte> read_member(zip_t* archive, zip_uint64_t index, const std::string& what) {
  zip_stat_t info;
  zip_stat_init(&info);
  if (zip_stat_index(archive, index, 0, &info) != 0)
    throw_bad_array(what, "the archive is damaged");
  const std::unique_ptr<zip_file_t, ZipCloser> file(zip_fopen_index(archive, index, 0));
  if (!file) throw_bad_array(what, zip_strerror(archive));
  // The declared size is not trusted: the content is read as it comes.
  std::vector<std::byte> bytes;
  std::vector<std::byte> chunk(std::size_t{1} << 20);
  for (;;) {
    const zip_int64_t count = zip_fread(file.get(), chunk.data(), chunk.size());
    if (count < 0) throw_bad_array(what, "the archive is damaged");
    if (count == 0) break;
    bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + count);
  }
  if (bytes.size() != info.size) throw_bad_array(what, "the archive is cut off");
  return bytes;
}

std::vector<NamedTensor> read_folder(const fs::path& folder, const std::string& stem) {
  std::vector<NamedTensor> tensors;
  for (std::size_t i = 0;; ++i) {
    const fs::path file = folder / fmt::format("{}_{}.pb", stem, i);
    if (!fs::exists(file)) break;
    tensors.push_back({"", onnx::parse_tensor(read_bytes(file))});
  }
  if (tensors.empty()) {
    throw Error(fmt::format("{} holds no {}_0.pb", folder.string(), stem),
                "it is not a folder of ONNX's test data", "give a test_data_set_N folder");
  }
  return tensors;
}

std::vector<NamedTensor> read_any(const fs::path& file, const std::string& stem) {
  if (fs::is_directory(file)) return read_folder(file, stem);
  if (file.extension() == ".npz") return read_npz(file);
  if (file.extension() == ".npy") return {{"", parse_npy(read_bytes(file), file.string())}};
  throw Error(fmt::format("{} is of a kind that is not read", file.string()),
              "inputs come as .npz, .npy or a folder of ONNX's test data", "convert it to .npz");
}

/// Position among `tensors` of the one that belongs to `spec`.
std::size_t position_of(const std::vector<NamedTensor>& tensors, const TensorSpec& spec,
                        std::size_t order, const fs::path& file) {
  const auto found = std::ranges::find(tensors, spec.name, &NamedTensor::name);
  if (found != tensors.end()) return static_cast<std::size_t>(found - tensors.begin());
  // numpy.savez without names calls them arr_0, arr_1, ...
  const bool in_order = std::ranges::all_of(
      tensors, [](const NamedTensor& t) { return t.name.empty() || t.name.starts_with("arr_"); });
  if (!in_order) {
    std::vector<std::string> names;
    for (const NamedTensor& tensor : tensors) names.push_back(tensor.name);
    throw Error(fmt::format("{} has no array '{}'", file.string(), spec.name),
                fmt::format("it has {}", fmt::join(names, ", ")),
                "name the arrays like the model's tensors");
  }
  return order;
}

void check_fits(const Tensor& tensor, const TensorSpec& spec, const fs::path& file) {
  if (tensor.type() != spec.type || tensor.shape() != spec.shape) {
    throw Error(
        fmt::format("'{}' in {} is {} {}", spec.name, file.string(), to_string(tensor.type()),
                    to_string(tensor.shape())),
        fmt::format("the model has {} {} there", to_string(spec.type), to_string(spec.shape)),
        "convert the array, or fix the model's dimensions with --batch or --dim");
  }
  if (!is_floating_point(tensor.type())) return;
  const std::vector<double> values = tensor.to_doubles();
  const auto nan = std::ranges::find_if(values, [](double x) { return std::isnan(x); });
  if (nan != values.end()) {
    throw Error(fmt::format("'{}' in {} is NaN at element {}", spec.name, file.string(),
                            nan - values.begin()),
                "outputs of NaN cannot be compared", "clean the data");
  }
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> bytes, const std::string& what) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const NpyHeader header = parse_header(text, what);
  const std::span<const std::byte> content = bytes.subspan(header.size);
  const std::int64_t count = element_count(header.shape);
  if (static_cast<std::uint64_t>(count) > content.size() ||
      static_cast<std::size_t>(count) * size_of(header.type) != content.size()) {
    throw_bad_array(what, fmt::format("its shape {} does not fit its {} bytes",
                                      to_string(header.shape), content.size()));
  }
  Tensor tensor(header.type, header.shape);
  if (header.type == DataType::boolean) {
    const std::span<bool> elements = tensor.data<bool>();
    for (std::size_t i = 0; i < content.size(); ++i) elements[i] = content[i] != std::byte{0};
  } else {
    std::ranges::copy(content, tensor.bytes().begin());
  }
  return header.fortran_order ? to_row_major(tensor) : tensor;
}

std::vector<NamedTensor> read_npz(const fs::path& file) {
  int code = 0;
  const std::unique_ptr<zip_t, ZipCloser> archive(zip_open(file.c_str(), ZIP_RDONLY, &code));
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw_bad_array(file.string(), why);
  }
  std::vector<NamedTensor> tensors;
  const zip_int64_t members = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < members; ++i) {
    std::string name = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), 0);
    const std::string what = fmt::format("{} in {}", name, file.string());
    Tensor tensor = parse_npy(read_member(archive.get(), static_cast<zip_uint64_t>(i), what), what);
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    tensors.push_back({std::move(name), std::move(tensor)});
  }
  return tensors;
}

std::vector<Tensor> read_tensors(const fs::path& file, std::span<const TensorSpec> specs,
                                 const std::string& stem) {
  std::vector<NamedTensor> found = read_any(file, stem);
  if (found.size() != specs.size()) {
    throw Error(fmt::format("{} holds {} tensors", file.string(), found.size()),
                fmt::format("the model has {}", specs.size()), "give one array for each");
  }
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    Tensor& tensor = found[position_of(found, specs[i], i, file)].tensor;
    check_fits(tensor, specs[i], file);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

void write_raw(const fs::path& file, const Tensor& tensor) {
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  const std::span<const std::byte> bytes = tensor.bytes();
  stream.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  stream.close();
  if (!stream) {
    throw Error(fmt::format("cannot write {}", file.string()), "the disk may be full",
                "free some space, or set TMPDIR to a folder on another disk");
  }
}

Tensor read_raw(const fs::path& file, const TensorSpec& spec) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (error || size != spec.byte_size()) {
    throw Error(fmt::format("{} has {} bytes", file.string(), error ? 0 : size),
                fmt::format("'{}' {} needs {}", spec.name, to_string(spec.shape), spec.byte_size()),
                "the worker broke its promise: see its log");
  }
  Tensor tensor(spec.type, spec.shape);
  std::ifstream stream(file, std::ios::binary);
  stream.read(reinterpret_cast<char*>(tensor.bytes().data()), static_cast<std::streamsize>(size));
  if (!stream)
    throw Error(fmt::format("cannot read {}", file.string()), "the read ended early",
                "check the disk");
  return tensor;
}

}  // namespace moliere::bench
