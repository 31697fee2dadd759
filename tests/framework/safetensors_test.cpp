#include "framework/weights/safetensors.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>

#include "framework/error.h"

namespace upconv {
namespace {

std::string u64(uint64_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

std::string file(const std::string& header, const std::string& data = {}) { return u64(header.size()) + header + data; }

/// A file of one tensor "x" with these fields.
std::string tensor(const std::string& fields, const std::string& data = {}) {
  return file(R"({"x":{)" + fields + "}}", data);
}

/// A file of one F32 tensor "x" of this shape and these offsets.
std::string shaped(const std::string& shape, const std::string& offsets, const std::string& data = {}) {
  return tensor(R"("dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets, data);
}

std::string repeat(const std::string& text, size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

/// Reads a copy that ends where its memory ends, so that a sanitizer sees a step too far.
StateDict read(const std::string& bytes, const SafetensorsOptions& options = {}, size_t shift = 0) {
  auto memory = std::make_shared<std::vector<std::byte>>(shift + bytes.size());
  std::copy_n(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(),
              memory->begin() + static_cast<long>(shift));
  return read_safetensors(std::span(*memory).subspan(shift), "bad.safetensors", memory, options);
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

/// A file to be refused, and what the message must say. Built when its turn comes: some are large.
struct Hostile {
  const char* what;
  std::string (*build)();
  const char* message;
};

std::string many_tensors(size_t count) {
  std::string header = "{";
  for (size_t i = 0; i < count; ++i) {
    header += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", i == 0 ? "" : ",", i);
  }
  return file(header + "}");
}

std::string two_tensors(const std::string& first_offsets, const std::string& second_offsets) {
  const std::string fields = R"({"dtype":"F32","shape":[1],"data_offsets":)";
  return file(R"({"x":)" + fields + first_offsets + R"(},"y":)" + fields + second_offsets + "}}", repeat("d", 8));
}

const std::string one_bits = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";

const std::vector<Hostile>& hostile_lengths() {
  static const std::vector<Hostile> rows = {
      {"seven bytes", [] { return std::string(7, '\1'); }, "expected at least 8 bytes, got 7"},
      {"header length 0", [] { return u64(0); }, "the header is empty"},
      {"header length 2^63", [] { return u64(uint64_t{1} << 63) + "{}"; }, "got a length of 9223372036854775808"},
      {"header length 2^64 - 1", [] { return u64(UINT64_MAX) + "{}"; }, "got a length of 18446744073709551615"},
      {"header length beyond the cap", [] { return u64(100'000'001) + "{}"; },
       "expected a header of at most 100000000 bytes, got a length of 100000001"},
      {"header length beyond the file", [] { return u64(3) + "{}"; }, "expected a header of 3 bytes, got 2"},
  };
  return rows;
}

const std::vector<Hostile>& hostile_json() {
  static const std::vector<Hostile> rows = {
      {"bad UTF-8", [] { return file("{\"\xff\":" + one_bits + "}"); }, "ill-formed UTF-8"},
      {"a zero byte after the object", [] { return file(std::string("{}\0garbage", 10)); },
       "the header has a zero byte, at 2"},
      {"an array as header", [] { return file("[]"); }, "expected the header to begin with {, got \"[\""},
      {"an unfinished object", [] { return file("{"); }, "the header is not valid JSON at byte 2: unexpected end"},
      {"a lone surrogate", [] { return file(R"({"\ud800":1})"); }, "surrogate U+D800..U+DBFF must be followed"},
      {"two objects", [] { return file("{}{}"); }, "at byte 3: unexpected '{'; expected end of input"},
      {"a number as tensor", [] { return file(R"({"x":1})"); }, "header key \"x\": expected an object, got a number"},
      {"null as tensor", [] { return file(R"({"x":null})"); }, "header key \"x\": expected an object, got null"},
      {"arrays nested 10^5 deep", [] { return file(R"({"x":)" + repeat("[", 100'000)); },
       "header key \"x\": expected an object, got an array"},
      {"objects nested 10^5 deep", [] { return file(repeat(R"({"x":)", 100'000)); },
       "tensor \"x\": \"x\": expected only dtype, shape and data_offsets"},
      {"a shape nested 10^5 deep", [] { return shaped(repeat("[", 100'000), "[0,0]"); },
       "tensor \"x\": \"shape\": expected a size, got an array"},
      {"a tensor twice", [] { return file(R"({"x":)" + one_bits + R"(,"x":)" + one_bits + "}"); },
       "tensor \"x\" occurs twice"},
      {"a tensor twice by escapes", [] { return file(R"({"xy":)" + one_bits + R"(,"\u0078y":)" + one_bits + "}"); },
       "tensor \"xy\" occurs twice"},
      {"10^6 tensors", [] { return many_tensors(1'000'000); }, "expected at most 100000 tensors, got more"},
      {"an endless key", [] { return file("{\"" + repeat("k", 1'000'000) + "\":1}"); },
       "kkk\"...: expected an object, got a number"},
      {"metadata that is no object", [] { return file(R"({"__metadata__":"pt"})"); },
       "header key \"__metadata__\": expected an object, got a string"},
      {"metadata that is no string", [] { return file(R"({"__metadata__":{"a":1}})"); },
       "__metadata__ key \"a\": expected a string, got a number"},
      {"metadata nested", [] { return file(R"({"__metadata__":{"b":{}}})"); },
       "__metadata__ key \"b\": expected a string, got an object"},
      {"metadata twice", [] { return file(R"({"__metadata__":{},"__metadata__":{}})"); },
       "header key \"__metadata__\": this key occurs twice"},
      {"a line of metadata twice", [] { return file(R"({"__metadata__":{"a":"","\u0061":""}})"); },
       "__metadata__ key \"a\": this key occurs twice"},
  };
  return rows;
}

const std::vector<Hostile>& hostile_fields() {
  static const std::vector<Hostile> rows = {
      {"unknown dtype", [] { return tensor(R"("dtype":"F8_E4M3")"); }, "BOOL, got \"F8_E4M3\""},
      {"a dtype of this library's and not the format's", [] { return tensor(R"("dtype":"float32")"); },
       "got \"float32\""},
      {"a number as dtype", [] { return tensor(R"("dtype":4)"); }, "\"dtype\": expected a string, got a number"},
      {"a field twice", [] { return tensor(R"("dtype":"F32","dtype":"F32")"); }, "\"dtype\": this field occurs twice"},
      {"a shape twice by escapes", [] { return tensor(R"("shape":[],"sh\u0061pe":[])"); },
       "\"shape\": this field occurs twice"},
      {"no dtype", [] { return tensor(R"("shape":[0],"data_offsets":[0,0])"); }, "tensor \"x\": has no dtype"},
      {"no shape", [] { return tensor(R"("dtype":"F32","data_offsets":[0,0])"); }, "tensor \"x\": has no shape"},
      {"no data_offsets", [] { return tensor(R"("dtype":"F32","shape":[0])"); }, "tensor \"x\": has no data_offsets"},
      {"a string as shape", [] { return shaped("\"1\"", "[0,4]"); }, "\"shape\": expected an array, got a string"},
      {"a boolean as size", [] { return shaped("[true]", "[0,4]"); }, "\"shape\": expected a size, got a boolean"},
      {"a negative size", [] { return shaped("[-1]", "[0,4]"); }, "got the negative number -1"},
      {"a fractional size", [] { return shaped("[1.5]", "[0,4]"); }, "from 0 to 2^63 - 1, got \"1.5\""},
      {"size 2^63", [] { return shaped("[0,9223372036854775808]", "[0,0]"); }, "got 9223372036854775808"},
      {"size 2^64", [] { return shaped("[18446744073709551616]", "[0,0]"); }, "got \"18446744073709551616\""},
      {"a size of 400 digits", [] { return shaped("[1" + repeat("0", 400) + "]", "[0,0]"); },
       "got one beyond every range"},
      {"rank 10^6", [] { return shaped("[1" + repeat(",1", 999'999) + "]", "[0,4]", "dddd"); },
       "expected at most 64 dimensions, got more"},
      {"1 offset", [] { return shaped("[1]", "[0]"); }, "expected 2 offsets, got 1"},
      {"3 offsets", [] { return shaped("[1]", "[0,4,8]"); }, "expected 2 offsets, got more"},
      {"a negative offset", [] { return shaped("[1]", "[-4,0]"); }, "got the negative number -4"},
      {"a fractional offset", [] { return shaped("[1]", "[0,4e0]"); }, "got \"4e0\""},
      {"a nested offset", [] { return shaped("[1]", "[0,[4]]"); },
       "\"data_offsets\": expected an offset, got an array"},
  };
  return rows;
}

const std::vector<Hostile>& hostile_layouts() {
  static const std::vector<Hostile> rows = {
      {"reversed offsets", [] { return shaped("[1]", "[4,0]", "dddd"); }, "data_offsets [4, 0] are reversed"},
      {"too few bytes for the shape", [] { return shaped("[2]", "[0,4]", "dddd"); },
       "shape (2,) of float32 expected 8 bytes, data_offsets [0, 4] give 4"},
      {"bytes for an empty shape", [] { return shaped("[0]", "[0,4]", "dddd"); }, "expected 0 bytes"},
      {"a product beyond 2^63", [] { return shaped("[4611686018427387904,4]", "[0,0]"); },
       "shape (4611686018427387904, 4) of float32 has more than 2^63 - 1 bytes"},
      {"a product beyond 2^63 beside a zero", [] { return shaped("[4611686018427387904,2,0]", "[0,0]"); },
       "shape (4611686018427387904, 2, 0) of float32 has more"},
      {"a product that wraps to the right size", [] { return shaped("[4611686018427387905]", "[0,4]", "dddd"); },
       "shape (4611686018427387905,) of float32 has more"},
      {"overlapping", [] { return two_tensors("[0,4]", "[2,6]"); },
       "tensor \"y\": overlaps another: expected its data to begin at 4, got 2"},
      {"the same data twice", [] { return two_tensors("[0,4]", "[0,4]"); }, "expected its data to begin at 4, got 0"},
      {"a gap", [] { return two_tensors("[0,4]", "[6,10]"); },
       "tensor \"y\": leaves a gap: expected its data to begin at 4, got 6"},
      {"a gap at the start", [] { return shaped("[1]", "[4,8]", "dddddddd"); }, "to begin at 0, got 4"},
      {"trailing bytes", [] { return shaped("[1]", "[0,4]", "dddddd"); }, "2 trailing bytes after the last tensor"},
      {"trailing bytes and no tensor", [] { return file("{}", "d"); }, "1 trailing bytes after the last tensor"},
      {"data cut short", [] { return shaped("[1]", "[0,4]", "ddd"); },
       "tensor \"x\": ends at byte 4 of the data, which has 3: the file is cut short"},
      {"an offset near 2^63", [] { return shaped("[1]", "[9223372036854775800,9223372036854775804]"); },
       "leaves a gap: expected its data to begin at 0, got 9223372036854775800"},
  };
  return rows;
}

void check_refused(const std::vector<Hostile>& rows) {
  for (const Hostile& row : rows) {
    CAPTURE(row.what);
    const std::string message = error_of([&] { read(row.build()); });
    CAPTURE(message);
    CHECK(message.starts_with("bad.safetensors: "));
    CHECK(message.find(row.message) != message.npos);
    CHECK(message.size() < 400);
  }
}

/// An element of every type, out of the order in which the bytes lie, with names that need care.
std::string good_file() {
  return file(R"({"__metadata__":{"format":"pt","\u00e9":"\n"},)"
              R"("b.weight":{"dtype":"F16","shape":[2,1],"data_offsets":[9,13]},)"
              R"("a \"quoted\"":{"dtype":"F32","shape":[],"data_offsets":[1,5]},)"
              R"("":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
              R"("empty":{"shape":[3,0,2],"data_offsets":[5,5],"dtype":"F64"},)"
              R"("n":{"data_offsets":[5,9],"dtype":"I32","shape":[1]}}   )",
              std::string("\x07\x00\x00\x80\x3f\xfe\xff\xff\xff\x00\x3c\x00\xc0", 13));
}

void check_good(const StateDict& weights) {
  std::vector<std::string> names;
  for (const auto& [name, value] : weights) names.push_back(name);
  CHECK(names == std::vector<std::string>{"b.weight", "a \"quoted\"", "", "empty", "n"});
  CHECK(weights.metadata == std::map<std::string, std::string>{{"format", "pt"}, {"\u00e9", "\n"}});
  CHECK(weights.at("b.weight").shape == Shape{2, 1});
  CHECK(weights.at("b.weight").to_tensor().data()[1] == -2);
  CHECK(weights.at("a \"quoted\"").shape == Shape{});
  CHECK(weights.at("a \"quoted\"").to_tensor().data()[0] == 1);
  CHECK(weights.at("").to_tensor().indices()[0] == 7);
  CHECK(weights.at("empty").shape == Shape{3, 0, 2});
  CHECK(weights.at("empty").to_tensor().numel() == 0);
  CHECK(weights.at("n").to_tensor().indices()[0] == -2);
}

/// A folder of this test, gone when the test is.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("upconv-safetensors-{}", ::getpid())) {
    std::filesystem::create_directory(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }

  std::filesystem::path operator/(const std::string& file) const { return path_ / file; }
  std::filesystem::path write(const std::string& file, const std::string& bytes) const {
    std::ofstream(path_ / file, std::ios::binary) << bytes;
    return path_ / file;
  }
  auto files() const { return std::distance(std::filesystem::directory_iterator(path_), {}); }

 private:
  std::filesystem::path path_;
};

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("safetensors: hostile header lengths are refused" * doctest::timeout(10)) {
  check_refused(hostile_lengths());
}

TEST_CASE("safetensors: hostile JSON is refused" * doctest::timeout(20)) { check_refused(hostile_json()); }

TEST_CASE("safetensors: hostile fields are refused" * doctest::timeout(10)) { check_refused(hostile_fields()); }

TEST_CASE("safetensors: hostile layouts are refused" * doctest::timeout(10)) { check_refused(hostile_layouts()); }

TEST_CASE("safetensors: too much metadata is refused") {
  std::string header = "{\"__metadata__\":{";
  for (int i = 0; i <= 100'000; ++i) header += fmt::format("{}\"{}\":\"\"", i == 0 ? "" : ",", i);
  CHECK(error_of([&] { read(file(header + "}}")); }).find("at most 100000 lines of metadata") != std::string::npos);
}

TEST_CASE("safetensors: names, order, types, metadata, rank 0 and empty tensors") { check_good(read(good_file())); }

TEST_CASE("safetensors: the bytes may lie anywhere") {
  for (size_t shift = 0; shift < 8; ++shift) check_good(read(good_file(), {}, shift));
}

TEST_CASE("safetensors: a file without tensors is one") {
  CHECK(read(file("{}")).size() == 0);
  CHECK(read(file(R"({"__metadata__":{}} )")).size() == 0);
}

TEST_CASE("safetensors: every type is read") {
  const std::pair<const char*, DType> types[] = {
      {"F64", DType::float64}, {"F32", DType::float32}, {"F16", DType::float16}, {"BF16", DType::bfloat16},
      {"I64", DType::int64},   {"I32", DType::int32},   {"I16", DType::int16},   {"I8", DType::int8},
      {"U8", DType::uint8},    {"BOOL", DType::boolean}};
  for (const auto& [text, dtype] : types) {
    const size_t size = 3 * size_of(dtype);
    const std::string header = fmt::format(R"("dtype":"{}","shape":[3],"data_offsets":[0,{}])", text, size);
    const StateDict weights = read(tensor(header, std::string(size, '\0')));
    CHECK(weights.at("x").dtype == dtype);
    CHECK(weights.at("x").bytes.size() == size);
    CHECK(weights.at("x").to_tensor().numel() == 3);
  }
}

TEST_CASE("safetensors: rank 64 is read, 65 is not") {
  const auto with_rank = [](size_t rank) { return shaped("[1" + repeat(",1", rank - 1) + "]", "[0,4]", "dddd"); };
  CHECK(read(with_rank(64)).at("x").shape.size() == 64);
  CHECK_THROWS_AS(read(with_rank(65)), Error);
}

TEST_CASE("safetensors: lenient tolerates trailing bytes and nothing else") {
  CHECK(read(shaped("[1]", "[0,4]", "dddddd"), {.lenient = true}).at("x").bytes.size() == 4);
  CHECK_THROWS_AS(read(shaped("[1]", "[0,4]", "ddd"), {.lenient = true}), Error);
  CHECK_THROWS_AS(read(two_tensors("[0,4]", "[2,6]"), {.lenient = true}), Error);
}

TEST_CASE("safetensors: a file cut anywhere is refused") {
  const std::string good = good_file();
  for (size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(read(good.substr(0, size)), Error);
  }
}

TEST_CASE("safetensors: a damaged file is refused or read, never worse") {
  std::mt19937_64 random(0);
  const std::string good = good_file();
  size_t refused = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = good;
    for (uint64_t damages = 1 + random() % 3; damages > 0; --damages) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = "0123456789{}[],:\"\\-."[random() % 20];
          break;
        case 2:
          bytes.erase(at, 1 + random() % 8);
          break;
        default:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 16));
          break;
      }
    }
    try {
      for (const auto& [name, value] : read(bytes)) value.to_tensor();
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
  CHECK(refused < 5000);
}

TEST_CASE("safetensors: what is saved is what is loaded") {
  const Folder folder;
  save_safetensors(folder / "a.safetensors", read(good_file()));
  check_good(load_state_dict(folder / "a.safetensors"));
  CHECK(folder.files() == 1);
  save_safetensors(folder / "b.safetensors", load_state_dict(folder / "a.safetensors"));
  const std::string bytes = bytes_of(folder / "a.safetensors");
  CHECK(bytes == bytes_of(folder / "b.safetensors"));
  CHECK(bytes.find('\x07') % 8 == 0);  // where the data begins
}

TEST_CASE("safetensors: a file may be saved over itself while it is mapped") {
  const Folder folder;
  save_safetensors(folder / "a.safetensors", read(good_file()));
  const StateDict mapped = load_state_dict(folder / "a.safetensors");
  save_safetensors(folder / "a.safetensors", StateDict());
  check_good(mapped);
  save_safetensors(folder / "a.safetensors", mapped);
  check_good(load_state_dict(folder / "a.safetensors"));
}

TEST_CASE("safetensors: a refused save leaves what was there, and nothing else") {
  const Folder folder;
  folder.write("a.safetensors", "before");
  const auto refused = [&](const std::string& name, const Stored& value) {
    StateDict weights;
    weights.add(name, value);
    const std::string message = error_of([&] { save_safetensors(folder / "a.safetensors", weights); });
    CHECK(bytes_of(folder / "a.safetensors") == "before");
    CHECK(folder.files() == 1);
    return message;
  };
  const Stored one = Stored::of(Tensor({1}));
  Stored cut = one;
  cut.bytes = cut.bytes.first(3);
  CHECK(refused("__metadata__", one).find("cannot be named __metadata__") != std::string::npos);
  CHECK(refused("\xff", one).find("expected UTF-8") != std::string::npos);
  CHECK(refused("cut", cut).find("tensor \"cut\": shape (1,) of float32 expected 4 bytes") != std::string::npos);
  CHECK(refused("deep", Stored::of(Tensor(Shape(65, 1)))).find("64 dimensions") != std::string::npos);
}

TEST_CASE("safetensors: saving where one cannot says why") {
  const Folder folder;
  const std::string missing = error_of([&] { save_safetensors(folder / "no/a.safetensors", StateDict()); });
  CHECK(missing.find("no/a.safetensors: cannot be created: No such file or directory") != std::string::npos);
  std::filesystem::create_directory(folder / "folder");
  const std::string taken = error_of([&] { save_safetensors(folder / "folder", StateDict()); });
  CHECK(taken.find("folder: cannot be put in place") != std::string::npos);
  CHECK(folder.files() == 1);
}

TEST_CASE("load_state_dict: the mapping lives as long as a tensor does") {
  const Folder folder;
  const auto path = folder.write("a.safetensors", good_file());
  const Stored kept = load_state_dict(path).at("b.weight");
  std::filesystem::remove(path);
  CHECK(kept.to_tensor().data()[1] == -2);
}

TEST_CASE("load_state_dict: bytes in memory, with and without an owner") {
  const std::string good = good_file();
  check_good(load_state_dict(std::as_bytes(std::span(good)), "built in"));
  const auto shared = std::make_shared<const std::string>(good);
  const StateDict weights = load_state_dict(std::as_bytes(std::span(*shared)), "built in", shared);
  CHECK(shared.use_count() == 1 + static_cast<long>(weights.size()));
}

TEST_CASE("load_state_dict: a file that is none says so in its own words") {
  const Folder folder;
  const auto refused = [](const std::filesystem::path& path) {
    const std::string message = error_of([&] { load_state_dict(path); });
    CHECK(message.starts_with(path.string() + ": "));
    return message;
  };
  std::filesystem::create_directory(folder / "folder");
  CHECK(refused(folder / "missing").ends_with("there is no such file"));
  CHECK(refused(folder / "folder").ends_with("expected a file, got a folder"));
  CHECK(refused(folder.write("empty", "")).ends_with("the file is empty"));
  CHECK(refused("/dev/null").ends_with("got a pipe, socket or device"));
  CHECK(refused(folder.write("bad", u64(3) + "{}")).ends_with("cut short"));
}

TEST_CASE("load_state_dict: bytes of no format are refused") {
  const auto refused = [](const std::string& bytes) {
    return error_of([&] { load_state_dict(std::as_bytes(std::span(bytes)), "netG.pth"); });
  };
  CHECK(refused("").ends_with("there are no bytes to read"));
  CHECK(refused("short").find("not a weights file") != std::string::npos);
  CHECK(refused(repeat("GGUF", 10)).find("not a weights file") != std::string::npos);
}

TEST_CASE("load_state_dict: a header whose length looks like a pickle is still safetensors") {
  std::string header = "{}";
  header.resize(0x0280, ' ');
  const std::string bytes = file(header);
  CHECK(bytes.starts_with("\x80\x02"));
  CHECK(load_state_dict(std::as_bytes(std::span(bytes)), "odd").size() == 0);
}

TEST_CASE("state dict: names are unique, and a miss names the key") {
  StateDict weights;
  weights.add("x", Stored::of(Tensor({1})));
  CHECK_THROWS_WITH_AS(weights.add("x", Stored::of(Tensor({1}))), "there is a tensor named x already", Error);
  CHECK(weights.size() == 1);
  CHECK(weights.find("y") == nullptr);
  CHECK_THROWS_WITH_AS(weights.at("y"), "there is no tensor named y among the 1 loaded", Error);
}

}  // namespace
}  // namespace upconv
