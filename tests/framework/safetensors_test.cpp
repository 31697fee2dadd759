#include "framework/weights/safetensors.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "framework/error.h"
#include "framework/weights/readers.h"
#include "tests/support.h"

namespace upconv {
namespace {

using testing::bytes_of;
using testing::error_of;
using testing::TemporaryFolder;

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

std::string two_tensors(const std::string& first_offsets, const std::string& second_offsets) {
  const std::string fields = R"({"dtype":"F32","shape":[1],"data_offsets":)";
  return file(R"({"x":)" + fields + first_offsets + R"(},"y":)" + fields + second_offsets + "}}", repeat("d", 8));
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

TEST_CASE("safetensors: what is saved is what is loaded") {
  const TemporaryFolder folder;
  save_safetensors(folder / "a.safetensors", read(good_file()));
  check_good(load_state_dict(folder / "a.safetensors"));
  CHECK(folder.files() == 1);
  save_safetensors(folder / "b.safetensors", load_state_dict(folder / "a.safetensors"));
  const std::string bytes = bytes_of(folder / "a.safetensors");
  CHECK(bytes == bytes_of(folder / "b.safetensors"));
  CHECK(bytes.find('\x07') % 8 == 0);  // where the data begins
}

TEST_CASE("safetensors: a file may be saved over itself while it is mapped") {
  const TemporaryFolder folder;
  save_safetensors(folder / "a.safetensors", read(good_file()));
  const StateDict mapped = load_state_dict(folder / "a.safetensors");
  save_safetensors(folder / "a.safetensors", StateDict());
  check_good(mapped);
  save_safetensors(folder / "a.safetensors", mapped);
  check_good(load_state_dict(folder / "a.safetensors"));
}

TEST_CASE("safetensors: a refused save leaves what was there, and nothing else") {
  const TemporaryFolder folder;
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
  const TemporaryFolder folder;
  const std::string missing = error_of([&] { save_safetensors(folder / "no/a.safetensors", StateDict()); });
  CHECK(missing.find("no/a.safetensors: cannot be created: No such file or directory") != std::string::npos);
  std::filesystem::create_directory(folder / "folder");
  const std::string taken = error_of([&] { save_safetensors(folder / "folder", StateDict()); });
  CHECK(taken.find("folder: expected a file to write, got the name of a folder") != std::string::npos);
  CHECK(folder.files() == 1);
}

TEST_CASE("load_state_dict: the mapping lives as long as a tensor does") {
  const TemporaryFolder folder;
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
  const TemporaryFolder folder;
  const auto refused = [](const std::filesystem::path& path) {
    const std::string message = error_of([&] { return load_state_dict(path); });
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
    return error_of([&] { return load_state_dict(std::as_bytes(std::span(bytes)), "netG.pth"); });
  };
  CHECK(refused("").ends_with("there are no bytes to read"));
  CHECK(refused("short").find("not a weights file") != std::string::npos);
  CHECK(refused(repeat("ABCD", 10)).find("not a weights file") != std::string::npos);
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
  CHECK_THROWS_WITH_AS((void)weights.at("y"), "there is no tensor named y among the 1 loaded", Error);
}

}  // namespace
}  // namespace upconv
