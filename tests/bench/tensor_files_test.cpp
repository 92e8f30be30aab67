// SPDX-License-Identifier: Apache-2.0
#include "moliere/bench/tensor_files.hpp"

#include "moliere/core/error.hpp"
#include "moliere/core/file.hpp"
#include "moliere/onnx/model_file.hpp"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moliere::bench {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

template <class T>
std::string raw(const std::vector<T>& elements) {
  std::string bytes(elements.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), elements.data(), bytes.size());
  return bytes;
}

/// A .npy file as numpy.save writes it: magic, version, length, dictionary, elements.
std::string npy(const std::string& dictionary, const std::string& content, int version = 1) {
  std::string text = "\x93NUMPY";
  text += static_cast<char>(version);
  text += '\0';
  const std::string header = dictionary + "\n";
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    text += static_cast<char>((header.size() >> (8 * i)) & 0xFF);
  }
  return text + header + content;
}

std::string dictionary(std::string_view descr, std::string_view shape, bool fortran = false) {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", descr,
                     fortran ? "True" : "False", shape);
}

Tensor parse(const std::string& text) {
  return parse_npy(std::as_bytes(std::span(text)), "made.npy");
}

std::vector<std::byte> to_bytes(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

const std::vector<float> six{0, 1, 2, 3, 4, 5};
const Tensor two_by_three = Tensor::from<float>({2, 3}, six);

TEST(Npy, AllVersions) {
  for (const int version : {1, 2, 3}) {
    EXPECT_EQ(parse(npy(dictionary("<f4", "(2, 3)"), raw(six), version)), two_by_three) << version;
  }
  EXPECT_THROW(parse(npy(dictionary("<f4", "(2, 3)"), raw(six), 4)), Error);
}

TEST(Npy, ScalarsVectorsAndEmptyArrays) {
  EXPECT_EQ(parse(npy(dictionary("<f8", "()"), raw<double>({2.5}))), Tensor::scalar(2.5));
  EXPECT_EQ(parse(npy(dictionary("<i4", "(2,)"), raw<std::int32_t>({-1, 7}))).shape(), (Shape{2}));
  EXPECT_EQ(parse(npy(dictionary("<f4", "(0, 3)"), "")).shape(), (Shape{0, 3}));
}

TEST(Npy, FortranOrderBecomesRowMajor) {
  // Columns of [[0, 1, 2], [3, 4, 5]] one after the other.
  const std::vector<float> columns{0, 3, 1, 4, 2, 5};
  EXPECT_EQ(parse(npy(dictionary("<f4", "(2, 3)", true), raw(columns))), two_by_three);
  // Three axes: element (i, j, k) of (2, 1, 3) lies at i + 2 j + 2 k.
  EXPECT_EQ(parse(npy(dictionary("<f4", "(2, 1, 3)", true), raw(columns))),
            two_by_three.reshaped({2, 1, 3}));
  EXPECT_EQ(parse(npy(dictionary("<f4", "()", true), raw<float>({7}))), Tensor::scalar(7.0F));
  EXPECT_EQ(parse(npy(dictionary("<f4", "(3, 0)", true), "")).size(), 0);
}

TEST(Npy, EveryPlainType) {
  const auto type = [](std::string_view descr, std::size_t width) {
    return parse(npy(dictionary(descr, "(1,)"), std::string(width, '\1'))).type();
  };
  EXPECT_EQ(type("<f2", 2), DataType::float16);
  EXPECT_EQ(type("<f4", 4), DataType::float32);
  EXPECT_EQ(type("<f8", 8), DataType::float64);
  EXPECT_EQ(type("|i1", 1), DataType::int8);
  EXPECT_EQ(type("<i2", 2), DataType::int16);
  EXPECT_EQ(type("<i4", 4), DataType::int32);
  EXPECT_EQ(type("<i8", 8), DataType::int64);
  EXPECT_EQ(type("|u1", 1), DataType::uint8);
  EXPECT_EQ(type("<u2", 2), DataType::uint16);
  EXPECT_EQ(type("<u4", 4), DataType::uint32);
  EXPECT_EQ(type("<u8", 8), DataType::uint64);
  EXPECT_EQ(type("|b1", 1), DataType::boolean);
  const Tensor half = parse(npy(dictionary("<f2", "(2,)"), raw<std::uint16_t>({0x3C00, 0xC000})));
  EXPECT_THAT(half.to_doubles(), ElementsAre(1.0, -2.0));
  // Any byte but zero is true: a bool that held 2 would be undefined behaviour.
  const Tensor truth = parse(npy(dictionary("|b1", "(3,)"), std::string("\0\1\2", 3)));
  EXPECT_THAT(truth.data<bool>(), ElementsAre(false, true, true));
}

TEST(Npy, RefusesOtherTypes) {
  EXPECT_THAT([] { parse(npy(dictionary(">f4", "(6,)"), raw(six))); },
              ThrowsMessage<Error>(HasSubstr("big-endian")));
  for (const char* descr : {"|O", "<U4", "<c8", "<f16", "<M8[ns]", "", "f"}) {
    EXPECT_THAT([&] { parse(npy(dictionary(descr, "(1,)"), std::string(8, '\0'))); },
                ThrowsMessage<Error>(HasSubstr("made.npy")))
        << descr;
  }
  EXPECT_THAT(
      [] {
        parse(npy("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }", "abcd"));
      },
      ThrowsMessage<Error>(HasSubstr("structured")));
}

TEST(Npy, RefusesEveryCut) {
  for (const int version : {1, 2}) {
    const std::string whole = npy(dictionary("<f4", "(2, 3)"), raw(six), version);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      EXPECT_THROW(parse(whole.substr(0, length)), Error) << length;
    }
    EXPECT_THROW(parse(whole + "x"), Error);
  }
}

TEST(Npy, RefusesBadHeaders) {
  const auto refuses = [](const std::string& text) { EXPECT_THROW(parse(text), Error) << text; };
  refuses("not numpy at all");
  refuses(npy("{'descr': '<f4', 'fortran_order': False, }", raw(six)));
  refuses(npy(dictionary("<f4", "(-6,)"), raw(six)));
  refuses(npy(dictionary("<f4", "(4611686018427387904, 4611686018427387904)"), raw(six)));
  refuses(npy(dictionary("<f4", "(4611686018427387904,)"), ""));  // times 4 it overflows to 0
}

/// numpy itself reads headers up to 10 000 bytes; longer ones would exhaust the stack of a regular
/// expression.
TEST(Npy, RefusesAnEndlessHeader) {
  const std::string long_word(1 << 20, 'a');
  EXPECT_THROW(parse(npy(dictionary(long_word, "(1,)"), "", 2)), Error);
  EXPECT_THROW(parse(npy(dictionary("<f4", "(" + std::string(1 << 20, ' ') + ")"), "abcd", 2)),
               Error);
}

class TensorFiles : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    const fs::path file = folder.path() / name;
    write_atomically(file, text);
    return file;
  }
  /// Runs Python with numpy; skips the test where there is none.
  void python(const std::string& code) {
    const char* venv = std::getenv("MOLIERE_VENV");
    const fs::path interpreter = fs::path(venv != nullptr ? venv : "") / "bin" / "python";
    if (!fs::exists(interpreter)) GTEST_SKIP() << "no virtual environment with numpy";
    const fs::path script = write("make.py", "import numpy as np\n" + code);
    const std::string command =
        fmt::format("cd '{}' && '{}' make.py", folder.path().string(), interpreter.string());
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  TemporaryDirectory folder{"moliere-tensors"};
  const std::vector<TensorSpec> x_and_y{{"x", DataType::float32, {2, 3}},
                                        {"y", DataType::int64, {2}}};
};

/// numpy.savez(file, x=..., y=...) in miniature: x is stored, y is deflated (made once with
/// Python's zipfile).
constexpr std::string_view stored_and_deflated =
    "504b0304140000000000000021004fe9002a980000009800000005000000782e6e7079934e554d5059010076"
    "007b276465736372273a20273c6634272c2027666f727472616e5f6f72646572273a2046616c73652c202773"
    "68617065273a2028322c2033292c207d20202020202020202020202020202020202020202020202020202020"
    "2020202020202020202020202020202020202020202020202020202020200a000000000000803f0000004000"
    "004040000080400000a040504b03041400000008000000210044e7955e4a0000009000000005000000792e6e"
    "70799bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9369a1aea3a09e965f54529498179f5f94920a12"
    "774bcc294e058a17672416a402f91a463a9a3a0ab50a1400aeff50c0c8000100504b01021403140000000000"
    "000021004fe9002a9800000098000000050000000000000000000000800100000000782e6e7079504b010214"
    "031400000008000000210044e7955e4a000000900000000500000000000000000000008001bb000000792e6e"
    "7079504b0506000000000200020066000000280100000000";

TEST_F(TensorFiles, ReadsStoredAndDeflatedMembers) {
  std::string bytes;
  for (std::size_t i = 0; i < stored_and_deflated.size(); i += 2) {
    bytes +=
        static_cast<char>(std::stoi(std::string(stored_and_deflated.substr(i, 2)), nullptr, 16));
  }
  const fs::path file = write("made.npz", bytes);
  const std::vector<NamedTensor> arrays = read_npz(file);
  ASSERT_EQ(arrays.size(), 2U);
  EXPECT_EQ(arrays[0].name, "x");
  EXPECT_EQ(arrays[0].tensor, two_by_three);
  EXPECT_EQ(arrays[1].name, "y");
  EXPECT_THAT(arrays[1].tensor.data<std::int64_t>(), ElementsAre(-1, 1));

  for (std::size_t cut = 0; cut < bytes.size(); cut += 7) {
    EXPECT_THROW(read_npz(write("cut.npz", bytes.substr(0, cut))), Error) << cut;
  }
  // A byte of the first array's elements: the archive's checksum tells.
  std::string flipped = bytes;
  flipped[flipped.find("NUMPY") + 130] ^= 1;
  EXPECT_THROW(read_npz(write("flipped.npz", flipped)), Error);
}

TEST_F(TensorFiles, RefusesWhatIsNoArchive) {
  EXPECT_THROW(read_npz(write("text.npz", "this is no archive")), Error);
  EXPECT_THROW(read_npz(folder.path() / "absent.npz"), Error);
}

TEST_F(TensorFiles, ReadsWhatNumpyWrites) {
  python(R"(
x = np.arange(6, dtype=np.float32).reshape(2, 3)
np.savez('stored.npz', y=np.array([-1, 1]), x=x)
np.savez_compressed('deflated.npz', x=np.asfortranarray(x), y=np.array([-1, 1]))
np.savez('unnamed.npz', x, np.array([-1, 1]))
np.save('one.npy', x)
np.save('object.npy', np.array([None, 1], dtype=object), allow_pickle=True)
np.save('big.npy', x.astype('>f4'))
np.save('half.npy', x.astype(np.float16))
)");
  if (IsSkipped()) return;
  for (const char* name : {"stored.npz", "deflated.npz", "unnamed.npz"}) {
    const std::vector<Tensor> read = read_tensors(folder.path() / name, x_and_y, "input");
    ASSERT_EQ(read.size(), 2U);
    EXPECT_EQ(read[0], two_by_three) << name;
    EXPECT_THAT(read[1].data<std::int64_t>(), ElementsAre(-1, 1)) << name;
  }
  const std::span x_only = std::span(x_and_y).first(1);
  EXPECT_EQ(read_tensors(folder.path() / "one.npy", x_only, "input").at(0), two_by_three);
  for (const char* name : {"object.npy", "big.npy", "half.npy"}) {
    EXPECT_THROW(read_tensors(folder.path() / name, x_only, "input"), Error) << name;
  }
}

TEST_F(TensorFiles, ReadsTestDataOfOnnx) {
  const Tensor y = Tensor::from<std::int64_t>({2}, std::vector<std::int64_t>{-1, 1});
  write_atomically(folder.path() / "input_0.pb", onnx::serialize_tensor(two_by_three, "x"));
  write_atomically(folder.path() / "input_1.pb", onnx::serialize_tensor(y, "y"));
  write_atomically(folder.path() / "output_0.pb", onnx::serialize_tensor(y, "z"));
  EXPECT_THAT(read_tensors(folder.path(), x_and_y, "input"), ElementsAre(two_by_three, y));
  EXPECT_THAT(read_tensors(folder.path(), std::span(x_and_y).last(1), "output"), ElementsAre(y));
  EXPECT_THROW(read_tensors(folder.path(), std::span(x_and_y).first(1), "input"), Error);
  write("input_1.pb", "\xff\xff\xff");
  EXPECT_THROW(read_tensors(folder.path(), x_and_y, "input"), Error);
  TemporaryDirectory empty;
  EXPECT_THAT([&] { read_tensors(empty.path(), x_and_y, "input"); },
              ThrowsMessage<Error>(HasSubstr("input_0.pb")));
}

TEST_F(TensorFiles, RefusesWhatDoesNotFit) {
  const auto reading = [&](const std::string& descr, const std::string& shape,
                           const std::string& content) {
    const fs::path file = write("x.npy", npy(dictionary(descr, shape), content));
    return [this, file] { read_tensors(file, std::span(x_and_y).first(1), "input"); };
  };
  EXPECT_NO_THROW(reading("<f4", "(2, 3)", raw(six))());
  EXPECT_THAT(reading("<f4", "(3, 2)", raw(six)), ThrowsMessage<Error>(HasSubstr("(3, 2)")));
  EXPECT_THAT(reading("<f8", "(2, 3)", raw<double>({0, 1, 2, 3, 4, 5})),
              ThrowsMessage<Error>(HasSubstr("float64")));
  std::vector<float> with_nan = six;
  with_nan[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(reading("<f4", "(2, 3)", raw(with_nan)),
              ThrowsMessage<Error>(HasSubstr("NaN at element 4")));
  with_nan[4] = std::numeric_limits<float>::infinity();
  EXPECT_NO_THROW(reading("<f4", "(2, 3)", raw(with_nan))());

  EXPECT_THROW(
      read_tensors(write("x.npy", npy(dictionary("<f4", "(2, 3)"), raw(six))), x_and_y, "input"),
      Error)
      << "one array for two inputs";
  EXPECT_THROW(read_tensors(write("x.txt", "0 1 2"), x_and_y, "input"), Error);
  EXPECT_THROW(read_tensors(folder.path() / "absent.npy", x_and_y, "input"), Error);
}

TEST_F(TensorFiles, NamesWhatIsNotThere) {
  python("np.savez('other.npz', x=np.zeros((2, 3), np.float32), z=np.array([1, 2]))\n");
  if (IsSkipped()) return;
  EXPECT_THAT([&] { read_tensors(folder.path() / "other.npz", x_and_y, "input"); },
              ThrowsMessage<Error>(testing::AllOf(HasSubstr("no array 'y'"), HasSubstr("x, z"))));
}

TEST_F(TensorFiles, RawElementsGoThereAndBack) {
  const fs::path file = folder.path() / "x.bin";
  write_raw(file, two_by_three);
  EXPECT_EQ(read_bytes(file), to_bytes(raw(six)));
  EXPECT_EQ(read_raw(file, x_and_y[0]), two_by_three);
  write_raw(file, Tensor(DataType::float32, {0}));
  EXPECT_EQ(read_raw(file, {"x", DataType::float32, {0, 4}}).shape(), (Shape{0, 4}));
}

TEST_F(TensorFiles, RawFilesOfTheWrongSizeAreErrors) {
  const fs::path file = write("x.bin", raw(six) + "x");
  EXPECT_THAT([&] { read_raw(file, x_and_y[0]); }, ThrowsMessage<Error>(HasSubstr("25 bytes")));
  EXPECT_THROW(read_raw(write("x.bin", raw(six).substr(1)), x_and_y[0]), Error);
  EXPECT_THROW(read_raw(folder.path() / "absent.bin", x_and_y[0]), Error);
  EXPECT_THROW(read_raw(folder.path(), x_and_y[0]), Error);
}

TEST(RawFiles, AFullDiskIsAnError) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  EXPECT_THAT([] { write_raw("/dev/full", two_by_three); },
              ThrowsMessage<Error>(HasSubstr("/dev/full")));
}

}  // namespace
}  // namespace moliere::bench
