// PyTorch's files and NumPy's archives: what they hold, and what a change of theirs can do.
#include <doctest/doctest.h>
#include <upconv/upconv.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "tests/allocations.h"
#include "tests/support.h"

namespace upconv {
namespace {

using testing::error_of;
using testing::golden;

const std::filesystem::path folder = UPCONV_GOLDEN "/weights";

/// The files that hold what the NAME.safetensors beside them holds: NAME.KIND.pth, .npz, .pt2 and .st.
std::vector<std::filesystem::path> saved_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() != ".safetensors") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

StateDict expected_of(const std::filesystem::path& file) {
  return load_state_dict(folder / (file.stem().stem().string() + ".safetensors"));
}

std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  std::vector<std::byte> bytes(std::filesystem::file_size(path));
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

void check_same(const StateDict& got, const StateDict& expected) {
  CHECK(got.size() == expected.size());
  for (const auto& [name, stored] : expected) {
    CAPTURE(name);
    const Stored* found = got.find(name);
    REQUIRE(found != nullptr);
    CHECK(found->dtype == stored.dtype);
    CHECK(found->shape == stored.shape);
    CHECK(std::equal(found->bytes.begin(), found->bytes.end(), stored.bytes.begin(), stored.bytes.end()));
    CHECK(testing::same_bits(found->to_tensor(), stored.to_tensor()));
  }
}

bool lies_in(const Stored& stored, const std::vector<std::byte>& bytes) {
  return stored.bytes.data() >= bytes.data() &&
         stored.bytes.data() + stored.bytes.size() <= bytes.data() + bytes.size();
}

TEST_CASE("pytorch: every file holds the tensors that were saved, bit for bit") {
  const auto files = saved_files();
  CHECK(files.size() >= 32);
  for (const auto& file : files) {
    CAPTURE(file.string());
    check_same(load_state_dict(file), expected_of(file));
  }
}

TEST_CASE("pytorch: numbers of 8 bits are those that PyTorch converts them to") {
  const StateDict expected = load_state_dict(folder / "narrow_as_float32.safetensors");
  const StateDict narrow = load_state_dict(folder / "narrow.zip.pth");
  CHECK(expected.size() == 6);
  for (const auto& [name, stored] : expected) {
    CAPTURE(name);
    const Tensor floats = stored.to_tensor(), got = narrow.at(name).to_tensor();
    for (int64_t i = 0; i < floats.numel(); ++i) {
      CAPTURE(i);
      const float x = floats.data()[i], y = got.data()[i];
      CHECK((std::isnan(x) ? std::isnan(y) : x == y && std::signbit(x) == std::signbit(y)));
    }
  }
}

TEST_CASE("pytorch: integers without a sign are read as long as int64 holds them") {
  const StateDict narrow = load_state_dict(folder / "narrow.zip.pth");
  CHECK(narrow.at("uint16").to_tensor().indices()[2] == UINT16_MAX);
  CHECK(narrow.at("uint32").to_tensor().indices()[2] == UINT32_MAX);
  CHECK(narrow.at("uint64").to_tensor().indices()[2] == INT64_MAX);
  const uint64_t beyond = uint64_t{1} << 63;
  const Stored stored(DType::uint64, {1}, std::as_bytes(std::span(&beyond, 1)));
  CHECK(error_of([&] { static_cast<void>(stored.to_tensor()); }) ==
        "expected integers below 2^63, got 9223372036854775808");
}

TEST_CASE("pytorch: the names that save_model left out count, and a module may do without them") {
  struct One : Module {
    ConvTranspose2d& up = child("up", ConvTranspose2d(2, 3, 2, {.bias = false}));
    Value forward(Value x) const override { return up(x); }
  };
  struct Two : One {
    ConvTranspose2d& again = child("again", ConvTranspose2d(2, 3, 2, {.bias = false}));
  };
  const StateDict expected = load_state_dict(folder / "tied.safetensors");
  Two two;
  two.load(folder / "tied.model.st");
  CHECK(testing::same_bits(two.again.weight.value(), expected.at("again.weight").to_tensor()));
  CHECK(testing::same_bits(two.up.weight.value(), expected.at("up.weight").to_tensor()));
  One().load(folder / "tied.model.st");
  struct None : Module {
    Value forward(Value x) const override { return x; }
  };
  CHECK(error_of([] { None().load(folder / "tied.model.st"); }) ==
        "the weights do not fit None:\n  unexpected: again.weight, up.weight");
  // Which of the two is the file's own is for save_model to say; both keep their place under another name.
  const StateDict renamed = load_state_dict(folder / "tied.model.st", {.rename = {{"", "net"}}});
  CHECK(renamed.size() == 2);
  CHECK(renamed.is_alias("net.up.weight") != renamed.is_alias("net.again.weight"));

  const testing::TemporaryFolder temporary;
  const auto saved = temporary / "saved.safetensors";
  save_safetensors(saved, load_state_dict(folder / "tied.model.st"));
  CHECK(std::filesystem::file_size(saved) < 2 * expected.at("up.weight").bytes.size() + 200);
  check_same(load_state_dict(saved), expected);
  save_safetensors(saved, renamed);
  Two other;
  other.load(saved, {.strip_prefix = "net."});
  CHECK(testing::same_bits(other.again.weight.value(), expected.at("again.weight").to_tensor()));
}

TEST_CASE("pytorch: an archive of several programs has a key for each") {
  const StateDict expected = load_state_dict(folder / "program.safetensors");
  check_same(load_state_dict(folder / "programs.two.pt2", {.key = "D"}), expected);
  CHECK(load_state_dict(folder / "programs.two.pt2").outer_keys == std::vector<std::string>{"G", "D"});
  const auto bytes = bytes_of(folder / "program.one.pt2");
  const StateDict weights = load_state_dict(bytes, "program");
  CHECK(lies_in(weights.at("up.weight"), bytes));
  CHECK(!lies_in(weights.at("last.weight"), bytes));  // in the order of channels last
}

TEST_CASE("pytorch: a folder of torch.distributed.checkpoint, and a part of one, are told") {
  const testing::TemporaryFolder temporary;
  const std::filesystem::path checkpoint = temporary / "checkpoint";
  std::filesystem::create_directory(checkpoint);
  std::ofstream(checkpoint / "__0_0.distcp") << "PK";
  CHECK(error_of([&] { return load_state_dict(checkpoint); }).find("expected a file, got a folder") !=
        std::string::npos);
  std::ofstream(checkpoint / ".metadata") << "x";
  for (const auto& path : {checkpoint, checkpoint / "__0_0.distcp"})
    CHECK(error_of([&] { return load_state_dict(path); }).find("dcp_to_torch FOLDER net.pth") != std::string::npos);
}

TEST_CASE("pytorch: the bytes may lie anywhere, and the tensors keep them alive") {
  for (const auto& file : saved_files()) {
    CAPTURE(file.string());
    const auto bytes = bytes_of(file);
    auto shifted = std::make_shared<std::vector<std::byte>>(1 + bytes.size());
    std::copy(bytes.begin(), bytes.end(), shifted->begin() + 1);
    StateDict weights = load_state_dict(std::span(*shifted).subspan(1), "memory", shifted);
    shifted.reset();
    check_same(weights, expected_of(file));
  }
}

TEST_CASE("pytorch: what is stored contiguously is read where it lies") {
  for (const char* name : {"types.zip.pth", "types.legacy.pth", "types.unsummed.pth", "net.stored.npz"}) {
    CAPTURE(name);
    const auto bytes = bytes_of(folder / name);
    for (const auto& [key, stored] : load_state_dict(bytes, name)) {
      CAPTURE(key);
      CHECK(lies_in(stored, bytes));
    }
  }
  const auto bytes = bytes_of(folder / "views.zip.pth");
  const StateDict views = load_state_dict(bytes, "views");
  for (const char* key : {"whole", "grid", "offset", "one", "size_one"}) CHECK(lies_in(views.at(key), bytes));
  for (const char* key : {"transposed", "column", "expanded"}) CHECK(!lies_in(views.at(key), bytes));
}

TEST_CASE("pytorch: the keys around the tensors are told") {
  const StateDict flat = load_state_dict(folder / "net.zip.pth");
  CHECK(flat.outer_keys.empty());
  for (const char* name : {"checkpoint.zip.pth", "checkpoint.legacy.pth"}) {
    const StateDict checkpoint = load_state_dict(folder / name);
    const std::vector<std::string> outer = {"epoch", "netG",    "optimizer", "scheduler", "best",   "seed",   "steps",
                                            "name",  "nothing", "size",      "dtype",     "device", "samples"};
    CHECK(checkpoint.outer_keys == outer);
    CHECK(checkpoint.at("optimizer.state.0.exp_avg").shape == Shape{2, 3, 2, 2});
    CHECK(checkpoint.at("samples.1.0").shape == Shape{1});
  }
}

TEST_CASE("pytorch: one .npy file is one tensor, called weight") {
  const StateDict weights = load_state_dict(UPCONV_GOLDEN "/run/y.npy");
  CHECK(weights.size() == 1);
  CHECK(testing::same_bits(weights.at("weight").to_tensor(), load_npy(UPCONV_GOLDEN "/run/y.npy")));
}

TEST_CASE("pytorch: a module computes the same from every format") {
  const auto module =
      parse_module("Sequential(ConvTranspose2d(4, 6, (3, 2), (2, 3), 1, (1, 0), 2, dilation=(2, 1)), ReLU())");
  const Tensor x = load_npy(UPCONV_GOLDEN "/run/x.npy"), y = load_npy(UPCONV_GOLDEN "/run/y.npy");
  for (const char* name : {"net.safetensors", "net.zip.pth", "net.legacy.pth", "net.stored.npz"}) {
    CAPTURE(name);
    module->load(folder / name);
    CHECK(testing::same_bits((*module)(x), y));
  }
}

/// Every file with a few bytes changed, cut, repeated or moved: read, or refused with an Error.
TEST_CASE("pytorch: no change of a file does more than make it refused" * doctest::timeout(60)) {
  std::mt19937 random(7);
  const auto below = [&](size_t end) { return std::uniform_int_distribution<size_t>(0, end - 1)(random); };
  size_t refused = 0;
  for (const auto& file : saved_files()) {
    const auto good = bytes_of(file);
    for (int round = 0; round < 200; ++round) {
      CAPTURE(file.string());
      CAPTURE(round);
      std::vector<std::byte> bytes = good;
      const std::byte values[] = {std::byte(below(256)), std::byte{0}, std::byte{0xff}, std::byte{0x80}};
      for (size_t change = below(3); change-- > 0;) bytes[below(bytes.size())] = values[below(4)];
      if (round % 8 == 0) bytes.resize(below(bytes.size()) + 1);
      if (round % 8 == 1) bytes[below(bytes.size())] ^= std::byte(1 << below(8));
      const std::vector<std::byte> exact(bytes.begin(), bytes.end());
      const testing::PeakMemory memory;
      try {
        for (const auto& [name, stored] : load_state_dict(exact, "changed"))
          if (stored.unreadable.empty()) (void)stored.to_tensor();
      } catch (const Error& error) {
        ++refused;
        CHECK(std::string(error.what()).starts_with("changed: "));
      }
      CHECK(memory.bytes() < size_t{32} << 20);
    }
  }
  CHECK(refused > 1000);
}

}  // namespace
}  // namespace upconv
