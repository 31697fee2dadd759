#include "framework/weights/npy.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "framework/error.h"
#include "framework/weights/readers.h"
#include "tests/support.h"

namespace upconv {
namespace {

using namespace std::string_literals;
using testing::error_of;
using testing::same_bits;

template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// A file with this dictionary, of a version whose length has two bytes or four.
std::string file(const std::string& header, const std::string& data = "", char version = 1) {
  const auto length = static_cast<uint32_t>(header.size());
  std::string bytes = std::string("\x93NUMPY") + version + '\0';
  bytes += std::string(reinterpret_cast<const char*>(&length), version == 1 ? 2 : 4);
  return bytes + header + data;
}

std::string dictionary(const std::string& descr, const std::string& shape, const std::string& fortran_order = "False") {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}    \n", descr, fortran_order, shape);
}

/// Reads a copy that ends where its memory ends, so that a sanitizer sees a step too far.
Stored read(const std::string& bytes) {
  auto memory = std::make_shared<std::vector<std::byte>>(bytes.size());
  std::copy_n(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), memory->begin());
  return read_npy(*memory, "bad.npy", memory);
}

std::vector<float> floats(const Tensor& tensor) { return {tensor.data(), tensor.data() + tensor.numel()}; }
std::vector<int64_t> integers(const Tensor& tensor) { return {tensor.indices(), tensor.indices() + tensor.numel()}; }

TEST_CASE("npy: what is saved is loaded, bit for bit") {
  const testing::TemporaryFolder folder;
  const auto path = folder / "x.npy";
  for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{2, 3, 4, 5}, Shape{0}, Shape{2, 0, 3}}) {
    CAPTURE(str(shape));
    Tensor x = randn(shape, 1);
    if (x.numel() > 0) x.data()[0] = -std::numeric_limits<float>::quiet_NaN();
    save_npy(path, x);
    CHECK(same_bits(load_npy(path), x));
  }
  const Tensor indices({2, 2}, std::vector<int64_t>{1, -2, INT64_MAX, INT64_MIN});
  save_npy(path, indices);
  CHECK(same_bits(load_npy(path), indices));
  CHECK(folder.files() == 1);
}

TEST_CASE("npy: a saved file is byte for byte numpy.save's") {
  const testing::TemporaryFolder folder;
  save_npy(folder / "x.npy", Tensor({3}, std::vector<float>{1, 2, 3}));
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
  const std::string expected = file(header + std::string(117 - header.size(), ' ') + "\n", raw<float>({1, 2, 3}));
  CHECK(testing::bytes_of(folder / "x.npy") == expected);
}

TEST_CASE("npy: a file that cannot be written leaves nothing behind") {
  const testing::TemporaryFolder folder;
  CHECK(error_of([&] { save_npy(folder / "no/such/x.npy", Tensor({1})); }).find("cannot be created") !=
        std::string::npos);
  std::filesystem::create_directory(folder / "x.npy");
  CHECK(error_of([&] {
          save_npy(folder / "x.npy", Tensor({1}));
        }).find("expected a file to write, got the name of a folder") != std::string::npos);
  CHECK(folder.files() == 1);
}

TEST_CASE("npy: every version of the format") {
  const std::string header = dictionary("<f4", "(2, 3)"), data = raw<float>({1, 2, 3, 4, 5, 6});
  for (char version : {1, 2, 3}) {
    const Tensor x = read(file(header, data, version)).to_tensor();
    CHECK(x.shape() == Shape{2, 3});
    CHECK(floats(x) == std::vector<float>{1, 2, 3, 4, 5, 6});
  }
}

TEST_CASE("npy: every type, in both byte orders") {
  struct Row {
    const char* descr;
    DType dtype;
    std::string data;
    int64_t second = -2;
  };
  const Row rows[] = {
      {"f8", DType::float64, raw<double>({1.5, -2})},
      {"f4", DType::float32, raw<float>({1.5, -2})},
      {"f2", DType::float16, "\x00\x3e\x00\xc0"s},
      {"i8", DType::int64, raw<int64_t>({258, -2})},
      {"i4", DType::int32, raw<int32_t>({258, -2})},
      {"i2", DType::int16, raw<int16_t>({258, -2})},
      {"i1", DType::int8, raw<int8_t>({2, -2})},
      {"u1", DType::uint8, "\x02\xfe"s, 254},
      {"u2", DType::uint16, raw<uint16_t>({258, 65534}), 65534},
      {"u4", DType::uint32, raw<uint32_t>({258, 4294967294}), 4294967294},
      {"u8", DType::uint64, raw<uint64_t>({258, uint64_t{1} << 62}), int64_t{1} << 62},
      {"b1", DType::boolean, "\x02\x00"s},
  };
  for (const Row& row : rows) {
    CAPTURE(row.descr);
    const size_t size = size_of(row.dtype);
    std::string swapped = row.data;
    for (size_t i = 0; i < swapped.size(); i += size) std::reverse(&swapped[i], &swapped[i] + size);
    for (const char* order : {"<", ">", "=", "|", ""}) {
      const bool big = *order == '>';
      const Stored stored = read(file(dictionary(std::string(order) + row.descr, "(2,)"), big ? swapped : row.data));
      CHECK(stored.dtype == row.dtype);
      const Tensor x = stored.to_tensor();
      if (is_floating(row.dtype)) {
        CHECK(floats(x) == std::vector<float>{1.5, -2});
      } else if (row.dtype == DType::boolean) {
        CHECK(integers(x) == std::vector<int64_t>{1, 0});
      } else {
        CHECK(integers(x) == std::vector<int64_t>{size == 1 ? 2 : 258, row.second});
      }
    }
  }
}

TEST_CASE("npy: Fortran's order is transposed") {
  // x[i][j][k] = 100 i + 10 j + k, the first index running fastest.
  std::vector<float> fortran, c;
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) fortran.push_back(static_cast<float>(100 * i + 10 * j + k));
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k) c.push_back(static_cast<float>(100 * i + 10 * j + k));
  const Tensor x = read(file(dictionary("<f4", "(2, 3, 4)", "True"), raw(fortran))).to_tensor();
  CHECK(x.shape() == Shape{2, 3, 4});
  CHECK(floats(x) == c);

  std::string big = raw(fortran);
  for (size_t i = 0; i < big.size(); i += 4) std::reverse(&big[i], &big[i] + 4);
  CHECK(floats(read(file(dictionary(">f4", "(2, 3, 4)", "True"), big)).to_tensor()) == c);
  CHECK(read(file(dictionary("<f4", "(2, 0, 4)", "True"))).to_tensor().shape() == Shape{2, 0, 4});
  CHECK(floats(read(file(dictionary("<f4", "()", "True"), raw<float>({7}))).to_tensor()) == std::vector<float>{7});
}

TEST_CASE("npy: what Python may write the dictionary as") {
  const std::string data = raw<float>({1, 2, 3, 4, 5, 6});
  for (const char* header : {"{'shape':(2,3),'descr':'<f4','fortran_order':False}",
                             "{ \"descr\" : \"<f4\" , \"fortran_order\" : False , \"shape\" : ( 2 , 3 , ) , }\n",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }"})
    CHECK(read(file(header, data)).shape == Shape{2, 3});
  CHECK(read(file(dictionary("<f4", "()"), raw<float>({1}))).shape == Shape{});
  CHECK(read(file(dictionary("<f4", "(3,)"), raw<float>({1, 2, 3}))).shape == Shape{3});
}

TEST_CASE("npy: elements are views of the file's bytes") {
  const std::string bytes = file(dictionary("<f4", "(3,)"), raw<float>({1, 2, 3}));
  auto memory = std::make_shared<std::string>(bytes);
  const Stored stored = read_npy(std::as_bytes(std::span(*memory)), "x.npy", memory);
  CHECK(reinterpret_cast<const char*>(stored.bytes.data()) == memory->data() + bytes.size() - 12);
  CHECK(memory.use_count() == 2);
}

TEST_CASE("npy: what is no array is refused") {
  for (const std::string& bytes : {""s, "\x93NUMPI\x01\x00\x02\x00{}"s})
    CHECK(error_of([&] { read(bytes); }).find("bad.npy: not a NumPy array") == 0);
}

TEST_CASE("npy: a good file cut anywhere is refused") {
  const std::string whole = file(dictionary(">f4", "(2, 3)", "True"), std::string(24, '\1'));
  CHECK_NOTHROW(read(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(read(whole.substr(0, size)), Error);
  }
}

}  // namespace
}  // namespace upconv
