#include "framework/weights/npy.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>

#include "framework/error.h"
#include "tests/support.h"

namespace upconv {
namespace {

using namespace std::string_literals;
using testing::error_of;
using testing::same_bits;

std::string repeat(const std::string& text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

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

/// A file whose shape is this, of six float32.
std::string shaped(const std::string& shape) { return file(dictionary("<f4", shape), std::string(24, '\0')); }

/// Reads a copy that ends where its memory ends, so that a sanitizer sees a step too far.
Stored read(const std::string& bytes) {
  auto memory = std::make_shared<std::vector<std::byte>>(bytes.size());
  std::copy_n(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), memory->begin());
  return read_npy(*memory, "bad.npy", memory);
}

std::vector<float> floats(const Tensor& tensor) { return {tensor.data(), tensor.data() + tensor.numel()}; }
std::vector<int64_t> integers(const Tensor& tensor) { return {tensor.indices(), tensor.indices() + tensor.numel()}; }

/// A folder of its own that goes with it.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("upconv_npy_test_{}", ::getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }
  size_t files() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {})); }

 private:
  std::filesystem::path path_;
};

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("npy: what is saved is loaded, bit for bit") {
  const Folder folder;
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
  const Folder folder;
  save_npy(folder / "x.npy", Tensor({3}, std::vector<float>{1, 2, 3}));
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
  const std::string expected = file(header + std::string(117 - header.size(), ' ') + "\n", raw<float>({1, 2, 3}));
  CHECK(contents(folder / "x.npy") == expected);
}

TEST_CASE("npy: a file that cannot be written leaves nothing behind") {
  const Folder folder;
  CHECK(error_of([&] { save_npy(folder / "no/such/x.npy", Tensor({1})); }).find("cannot be created") !=
        std::string::npos);
  std::filesystem::create_directory(folder / "x.npy");
  CHECK(error_of([&] { save_npy(folder / "x.npy", Tensor({1})); }).find("cannot be put in place") != std::string::npos);
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
  };
  const Row rows[] = {
      {"f8", DType::float64, raw<double>({1.5, -2})},
      {"f4", DType::float32, raw<float>({1.5, -2})},
      {"f2", DType::float16, "\x00\x3e\x00\xc0"s},
      {"i8", DType::int64, raw<int64_t>({258, -2})},
      {"i4", DType::int32, raw<int32_t>({258, -2})},
      {"i2", DType::int16, raw<int16_t>({258, -2})},
      {"i1", DType::int8, raw<int8_t>({2, -2})},
      {"u1", DType::uint8, "\x02\xfe"s},
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
        CHECK(integers(x) == std::vector<int64_t>{size == 1 ? 2 : 258, row.dtype == DType::uint8 ? 254 : -2});
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

TEST_CASE("npy: hostile files are refused, each in its own words") {
  struct Hostile {
    const char* what;
    std::string bytes;
    const char* message;
  };
  const std::string length_of_four_billion = "\x93NUMPY\x02\x00\xf0\xff\xff\xff{}"s;
  const Hostile rows[] = {
      {"nothing", "", "not a NumPy array"},
      {"bad magic", "\x93NUMPI\x01\x00\x02\x00{}"s, "not a NumPy array"},
      {"only the magic", "\x93NUMPY", "expected a version of 2 bytes, got 0"},
      {"version 0", file("{}", "", 0), "expected version 1.0, 2.0 or 3.0 of the format, got 0.0"},
      {"version 4", file("{}", "", 4), "expected version 1.0, 2.0 or 3.0 of the format, got 4.0"},
      {"version 1.1", "\x93NUMPY\x01\x01\x02\x00{}"s, "expected version 1.0, 2.0 or 3.0 of the format, got 1.1"},
      {"half a length", "\x93NUMPY\x02\x00\x02\x00"s, "expected a header length of 4 bytes, got 2"},
      {"header length 0xFFFFFFF0", length_of_four_billion,
       "expected a header of at most 10000 bytes, got a length of 4294967280"},
      {"header beyond the cap", file(std::string(10'001, ' ')), "at most 10000 bytes, got a length of 10001"},
      {"header beyond the file", "\x93NUMPY\x01\x00\x03\x00{}"s, "expected a header of 3 bytes, got 2"},
      {"no header", file(""), "the header: expected a dictionary, got the end"},
      {"spaces", file("   \n"), "the header: expected a dictionary, got the end"},
      {"a list", file("[1]"), "expected a dictionary, got \"[1]\""},
      {"an open dictionary", file("{"), "expected a key in quotes, got the end"},
      {"a key without end", file("{'descr"), "expected a key in quotes, got \"'descr\""},
      {"a number as key", file("{1: 2}"), "expected a key in quotes, got \"1: 2}\""},
      {"no colon", file("{'descr' '<f4'}"), "expected \":\" after a key"},
      {"no comma", file("{'descr': '<f4' 'shape': ()}"), "expected \",\" or \"}\" after a value"},
      {"no keys", file("{}"), "descr is missing"},
      {"no descr", file("{'fortran_order': False, 'shape': ()}"), "descr is missing"},
      {"no fortran_order", file("{'descr': '<f4', 'shape': ()}"), "fortran_order is missing"},
      {"no shape", file("{'descr': '<f4', 'fortran_order': False}"), "shape is missing"},
      {"an extra key", file("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'more': 1}"),
       "expected only the keys descr, fortran_order and shape, got \"more\""},
      {"descr twice", file("{'descr': '<f4', 'descr': '<f4'}"), "descr is given twice"},
      {"fortran_order twice", file("{'fortran_order': True, 'fortran_order': True}"), "fortran_order is given twice"},
      {"shape twice", file("{'shape': (), 'shape': ()}"), "shape is given twice"},
      {"more after the dictionary", file(dictionary("<f4", "()") + "{}"), "expected nothing after the dictionary"},
      {"a zero byte after the dictionary", file(dictionary("<f4", "()") + '\0'), "expected nothing after the dict"},
      {"objects", file(dictionary("|O", "(1,)")), "expected an array of plain numbers, got Python objects"},
      {"a structured type", file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"),
       "expected an array of plain numbers, got a structured type"},
      {"a type with a shape", file("{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (1,)}"),
       "expected an array of plain numbers, got a structured type"},
      {"complex numbers", file(dictionary("<c8", "()")), "expected one of f8, f4, f2, i8, i4, i2, i1, u1, b1"},
      {"unsigned numbers", file(dictionary("<u4", "()")), "as type, got \"<u4\""},
      {"an empty type", file(dictionary("", "()")), "as type, got \"\""},
      {"a byte order alone", file(dictionary(">", "()")), "as type, got \">\""},
      {"a number as type", file("{'descr': 4}"), "expected a string for descr, got \"4}\""},
      {"fortran_order 1", file("{'fortran_order': 1}"), "expected True or False for fortran_order, got \"1}\""},
      {"a number as shape", shaped("6"), "expected a tuple for shape, got \"6, }"},
      {"a number in parentheses", shaped("(6)"), "expected a tuple for shape, got the number (6), which is no (6,)"},
      {"a list as shape", shaped("[6]"), "expected a tuple for shape, got \"[6], }"},
      {"a fraction in shape", shaped("(1.5,)"), "expected \",\" or \")\" in shape, got \".5,)"},
      {"a word in shape", shaped("(True,)"), "expected a whole number in shape, got \"True,)"},
      {"a comma alone", shaped("(,)"), "expected a whole number in shape, got \",)"},
      {"a negative size", shaped("(-6,)"), "shape has a negative size"},
      {"a size of 2^63", shaped("(9223372036854775808,)"), "a size in shape does not fit 63 bits"},
      {"too many elements", shaped("(4294967296, 4294967296)"), "has more elements than 63 bits can count"},
      {"too many elements behind a zero", shaped("(0, 4294967296, 4294967296)"), "more elements than 63 bits"},
      {"too many bytes", shaped("(4611686018427387904,)"), "has more than 2^63 - 1 bytes"},
      {"rank 65", shaped(fmt::format("({})", repeat("1, ", 65))), "expected at most 64 dimensions, got more"},
      {"parentheses 9000 deep", shaped(std::string(9000, '(')), "expected a whole number in shape, got \"((((((((("},
      {"braces 9000 deep", file(std::string(9000, '{')), "expected a key in quotes, got \"{{{{{{{{"},
      {"an open shape", file("{'shape': (1, 2"), "expected \",\" or \")\" in shape, got the end"},
      {"short data", file(dictionary("<f4", "(6,)"), std::string(23, '\0')), "expected data of 24 bytes, got 23"},
      {"no data", file(dictionary("<f4", "(1000000000000,)")), "expected data of 4000000000000 bytes, got 0"},
      {"trailing data", file(dictionary("<f4", "(6,)"), std::string(25, '\0')), "1 trailing bytes after the data"},
  };
  for (const Hostile& row : rows) {
    CAPTURE(row.what);
    const std::string message = error_of([&] { read(row.bytes); });
    CAPTURE(message);
    CHECK(message.starts_with("bad.npy: "));
    CHECK(message.find(row.message) != std::string::npos);
    CHECK(message.size() < 200);
  }
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
