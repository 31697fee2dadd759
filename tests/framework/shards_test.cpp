#include "framework/weights/shards.h"

#include <fmt/format.h>

#include "framework/weights/safetensors.h"
#include "tests/support.h"

namespace upconv {
namespace {

using testing::error_of;
using testing::TemporaryFolder;

StateDict one(const std::string& name, float value) {
  StateDict weights;
  weights.add(name, Stored::of(Tensor({1}, std::vector<float>{value})));
  return weights;
}

/// Two files, a in one and b in the other, and an index with this weight_map.
std::string refusal(const std::string& weight_map) {
  const TemporaryFolder folder;
  save_safetensors(folder / "1.safetensors", one("a", 1));
  save_safetensors(folder / "2.safetensors", one("b", 2));
  const auto path = folder.write("model.safetensors.index.json", R"({"weight_map":)" + weight_map + "}");
  const std::string message = error_of([&] { return load_state_dict(path); });
  const std::string start = path.string() + ": ";
  return message.starts_with(start) ? message.substr(start.size()) : message;
}

TEST_CASE("shards: an index loads all files, as one would") {
  const StateDict whole = testing::golden("names/netG.safetensors");
  const StateDict parts = testing::golden("names/model.safetensors.index.json");
  CHECK(parts.size() == whole.size());
  CHECK(parts.metadata.at("format") == "pt");
  for (const auto& [name, stored] : whole) CHECK(testing::same_bits(parts.at(name).to_tensor(), stored.to_tensor()));
}

TEST_CASE("shards: each file is mapped once, and lives as long as a tensor of it") {
  const StateDict parts = testing::golden("names/model.safetensors.index.json");
  CHECK(parts.at("0.weight").owner == parts.at("1.running_mean").owner);
  CHECK(parts.at("0.weight").owner != parts.at("1.bias").owner);
}

TEST_CASE("shards: options name the tensors of all files") {
  const TemporaryFolder folder;
  save_safetensors(folder / "1.safetensors", one("module.a", 1));
  save_safetensors(folder / "2.safetensors", one("b", 2));
  std::ofstream(folder / "2.safetensors", std::ios::app) << "more";
  const auto index = folder.write(
      "index.json",
      R"({"weight_map": {"module.a": "1.safetensors", "b": "2.safetensors"}, "metadata": {"x": [1, {}, null, -2.5, true, "s"]}})");
  const StateDict both = load_state_dict(index, {.strip_prefix = "module.", .lenient = true});
  CHECK(both.at("a").to_tensor().data()[0] == 1);
  CHECK(both.at("b").to_tensor().data()[0] == 2);
  CHECK(error_of([&] { return load_state_dict(index); }).ends_with("4 trailing bytes after the last tensor"));
}

TEST_CASE("shards: a tensor must be where the index says, and nowhere else") {
  CHECK(refusal(R"({"a": "2.safetensors"})").starts_with("tensor \"a\" is not in "));
  CHECK(refusal(R"({"a": "1.safetensors", "c": "2.safetensors"})").starts_with("tensor \"c\" is not in "));
  const TemporaryFolder folder;
  StateDict both = one("a", 1);
  both.add("b", both.at("a"));
  save_safetensors(folder / "1.safetensors", both);
  const auto index = folder.write("i.json", R"({"weight_map":{"a": "1.safetensors"}})");
  CHECK(error_of([&] {
          return load_state_dict(index);
        }).ends_with("tensor \"b\" is in 1.safetensors too, where the index does not say it is"));
  save_safetensors(folder / "2.safetensors", one("b", 2));
  const auto other = folder.write("j.json", R"({"weight_map":{"a": "1.safetensors", "b": "2.safetensors"}})");
  CHECK(error_of([&] {
          return load_state_dict(other);
        }).ends_with("tensor \"b\" is in 1.safetensors too, where the index does not say it is"));
}

TEST_CASE("shards: files are in the index's folder") {
  for (const char* file : {"../1.safetensors", "/etc/passwd", "..", ".", "", "sub/1.safetensors", "..\\\\1.safetensors",
                           "./1.safetensors", "a\\u0000b"}) {
    CAPTURE(file);
    CHECK(refusal(fmt::format(R"({{"a": "{}"}})", file))
              .starts_with("weight_map: \"a\": expected the name of a file beside the index, got \""));
  }
  CHECK(refusal(R"({"a": "3.safetensors"})").ends_with("3.safetensors: there is no such file"));
}

TEST_CASE("shards: a safetensors file whose length begins with a brace is no index") {
  const TemporaryFolder folder;
  std::string header = "{}";
  header.resize('{', ' ');
  const auto path = folder.write("a.safetensors", std::string("{\0\0\0\0\0\0\0", 8) + header);
  CHECK(load_state_dict(path).size() == 0);
}

TEST_CASE("shards: a shard is weights, not another index") {
  CHECK(refusal(R"({"a": "model.safetensors.index.json"})").find("names files beside it: load the index by its path") !=
        std::string::npos);
  CHECK(error_of([] { return load_state_dict(std::as_bytes(std::span("{}", 2)), "bytes"); }) ==
        "bytes: names files beside it: load the index by its path");
}

}  // namespace
}  // namespace upconv
