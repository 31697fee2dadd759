// Files made to break the readers. Each script of tests/hostile writes a folder of them and, beside it, a .json that
// says what the refusal of each must contain: {"FOLDER/FILE": "words"}. Programs of torch.export are refused when they
// are loaded, or those of "exported_calls" when they are called.
#include <doctest/doctest.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "framework/writing.h"
#include "tests/allocations.h"
#include "tests/fuzz/exported.h"
#include "tests/support.h"

namespace upconv {
namespace {

using testing::error_of;

const std::filesystem::path folder = UPCONV_SOURCE "/tests/hostile";
using Manifest = std::map<std::string, std::string>;

Manifest read_manifest(const std::filesystem::path& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file).get<Manifest>();
}

constexpr std::string_view programs = "exported/", called_programs = "exported_calls/";

/// Of all scripts together.
Manifest whole_manifest() {
  Manifest all;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".json") all.merge(read_manifest(entry.path()));
  return all;
}

/// Of those files that are refused when they are read.
Manifest manifest_of_files() {
  Manifest all = whole_manifest();
  std::erase_if(all, [](const auto& row) { return row.first.starts_with(called_programs); });
  return all;
}

/// What a file's recipe says, [["bytes", times], ...]: large files are kept so.
std::string unfolded(const std::string& recipe) {
  std::string all;
  for (const auto& [text, times] : nlohmann::json::parse(recipe).get<std::vector<std::pair<std::string, size_t>>>()) {
    std::string part;  // JSON has each byte as the character of that number, of one or two bytes
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      part += byte < 0x80 ? text[i] : static_cast<char>((byte & 3) << 6 | (text[++i] & 0x3f));
    }
    for (size_t i = 0; i < times; ++i) all += part;
  }
  return all;
}

/// In memory that ends where the file ends, so that a sanitizer sees a step too far.
std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  std::string text = testing::bytes_of(path);
  if (path.extension() == ".recipe") text = unfolded(text);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

/// What is said of a file in memory; of an index, which names files beside it, in its folder.
std::string refusal(const std::string& file, const std::vector<std::byte>& bytes) {
  if (file.starts_with(programs)) return error_of([&] { return load_exported(bytes, (folder / file).string()); });
  if (file.ends_with(".index.json")) return error_of([&] { return load_state_dict(folder / file); });
  return (folder / error_of([&] { return load_state_dict(bytes, file); })).string();
}

TEST_CASE("hostile: the manifests name every file, and nothing else") {
  std::set<std::string> named, there;
  for (const auto& [file, words] : whole_manifest()) named.insert(file);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::filesystem::path file = std::filesystem::relative(entry.path(), folder);
    if (entry.is_regular_file() && file.has_parent_path() && *file.begin() != "__pycache__")
      there.insert(file.string());
  }
  CHECK(!named.empty());
  CHECK(named == there);
}

TEST_CASE("hostile: each file is refused in its own words, for memory in proportion" * doctest::timeout(60)) {
  for (const auto& [file, words] : manifest_of_files()) {
    CAPTURE(file);
    const std::vector<std::byte> bytes = bytes_of(folder / file);
    const testing::PeakMemory memory;
    const std::string message = refusal(file, bytes);
    CHECK(memory.bytes() < (size_t{32} << 20) + 32 * bytes.size());
    CAPTURE(message);
    CHECK(message.starts_with((folder / file).string() + ": "));
    CHECK(message.find(words) != message.npos);
    CHECK(message.size() < (file.starts_with(programs) ? 2000 : 500));  // those may list operations
    CHECK(message.find('\x1b') == message.npos);
  }
}

TEST_CASE("hostile: each program is refused when it is called, for memory in proportion" * doctest::timeout(60)) {
  size_t files = 0;
  for (const auto& [file, words] : whole_manifest()) {
    if (!file.starts_with(called_programs)) continue;
    ++files;
    CAPTURE(file);
    const std::vector<std::byte> bytes = bytes_of(folder / file);
    const testing::PeakMemory memory;
    const Exported net = load_exported(bytes, file);
    Graph graph;
    const Writing writing(graph);
    Values xs;
    for (const Type& type : fuzz::input_types(net)) xs.push_back(graph.input(type));
    const std::string message = error_of([&] { return net.forward(xs); });
    CHECK(memory.bytes() < (size_t{32} << 20) + 32 * bytes.size());
    CAPTURE(message);
    CHECK(message.find(words) != message.npos);
    CHECK(message.size() < 1000);
    CHECK(message.find('\x1b') == message.npos);
  }
  CHECK(files > 80);
}

/// One to three bytes changed, replaced by what formats give a meaning to, cut out or copied in.
std::vector<std::byte> damaged(std::vector<std::byte> bytes, std::mt19937_64& random) {
  constexpr std::string_view meaningful = "0123456789{}[](),:\"'\\-.PK\x80\x02\xff";
  for (uint64_t damages = 1 + random() % 3; damages > 0 && !bytes.empty(); --damages) {
    const auto at = bytes.begin() + static_cast<ptrdiff_t>(random() % bytes.size());
    const auto some = [&](uint64_t most) {
      return std::min(static_cast<ptrdiff_t>(random() % most), bytes.end() - at);
    };
    switch (random() % 4) {
      case 0:
        *at = static_cast<std::byte>(random());
        break;
      case 1:
        *at = static_cast<std::byte>(meaningful[random() % meaningful.size()]);
        break;
      case 2:
        bytes.erase(at, at + some(9));
        break;
      default: {
        const std::vector<std::byte> copy(at, at + some(16));
        bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(random() % bytes.size()), copy.begin(), copy.end());
      }
    }
  }
  return bytes;
}

TEST_CASE("hostile: a good file that was damaged is refused or read, never worse" * doctest::timeout(60)) {
  std::mt19937_64 random(0);
  size_t files = 0, refused = 0;
  for (const char* folder : {"weights", "names", "run", "strangers"})
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(UPCONV_GOLDEN) / folder)) {
      const std::vector<std::byte> good = bytes_of(entry.path());
      CAPTURE(entry.path().string());
      for (int i = 0; i < 300; ++i, ++files) {
        const std::vector<std::byte> bad = damaged(good, random);
        try {
          for (const auto& [name, stored] : load_state_dict(bad, "damaged")) (void)stored.to_tensor();
        } catch (const Error&) {
          ++refused;
        }
      }
    }
  CHECK(files > 10'000);
  CHECK(refused > files / 10);
  CHECK(refused < files);
}

TEST_CASE("hostile: a module stays as it was") {
  const ConvTranspose2d module(4, 3, 2);
  Random random(0);
  testing::randomize(module, random);
  std::vector<uint64_t> versions;
  for (const auto& [name, parameter] : module.named_parameters()) versions.push_back(parameter.version());
  for (const auto& [file, words] : whole_manifest()) {
    CAPTURE(file);
    CHECK_THROWS_AS(ConvTranspose2d(module).load(folder / file),
                    Error);  // also where it is a good file of other weights
  }
  std::vector<uint64_t> after;
  for (const auto& [name, parameter] : module.named_parameters()) after.push_back(parameter.version());
  CHECK(after == versions);
}

}  // namespace
}  // namespace upconv
