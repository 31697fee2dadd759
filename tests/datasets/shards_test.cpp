// Tars, names and inputs of shards.
#include "datasets/shards.h"

#include <doctest/doctest.h>
#include <unistd.h>
#include <upconv/upconv.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "datasets/asked.h"
#include "datasets/decode.h"
#include "datasets/digest.h"
#include "datasets/encode.h"
#include "datasets/inputs.h"
#include "datasets/names.h"
#include "datasets/painter.h"
#include "datasets/tar.h"
#include "framework/weights/mapped_file.h"
#include "tests/anonymous_memory.h"

using namespace upconv;
using namespace upconv::datasets;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }
std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string archive_of(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string archive;
  for (const auto& [name, content] : files) append_member(archive, name, content);
  return archive.append(end_of_archive());
}

std::string message_of(const auto& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("SHA-256 gives the published answers, however it is fed") {
  Sha256 digest;
  digest.add("a", 1);
  digest.add("bc", 2);
  CHECK(digest.hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Sha256().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("a tar reads as it was written, and ends where it was cut") {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"000000000.png", "picture"}, {"000000000.json", ""}, {"000000001.png", std::string(512, 'x')}, {"last", "y"}};
  const std::string archive = archive_of(files);
  CHECK(archive.size() % 512 == 0);
  CHECK(archive.substr(257, 8) == std::string("ustar\00000", 8));
  TarReader reader(bytes_of(archive), "some.tar");
  for (const auto& [name, content] : files) {
    const std::optional<Member> member = reader.next();
    REQUIRE(member);
    CHECK(member->name == name);
    CHECK(text_of(member->content) == content);
  }
  CHECK_FALSE(reader.next());
  const std::optional<Member> last = last_member(bytes_of(archive));
  REQUIRE(last);
  CHECK(last->name == "last");
  CHECK(text_of(last->content) == "y");
  for (size_t size = 0; size < archive.size(); size += 256) CHECK_FALSE(last_member(bytes_of(archive.substr(0, size))));

  std::string damaged = archive;
  damaged[0] = '1';
  CHECK(message_of([&] { TarReader(bytes_of(damaged), "some.tar").next(); }) ==
        "some.tar: expected a member of a tar at byte 0, got something else");
  const std::string cut = archive.substr(0, 514);
  CHECK(message_of([&] { TarReader(bytes_of(cut), "some.tar").next(); }) == "some.tar: this tar ends within a member");
  CHECK_THROWS_AS(append_member(damaged, std::string(101, 'n'), ""), Error);
}

TEST_CASE("names of shards") {
  CHECK(ShardNames("a/fake-{shard:05d}.tar").name(7) == "a/fake-00007.tar");
  CHECK(ShardNames("{shard:3d}").name(1234) == "1234");
  CHECK(ShardNames("{shard}.tar").name(12) == "12.tar");
  for (const char* wrong :
       {"fake.tar", "{shard", "}{shard", "{shard:x}", "{shard:05}", "{n}.tar", "{shard}{shard}", "{}"})
    CHECK_THROWS_AS(ShardNames{wrong}, Error);
}

TEST_CASE("shards have every picture once") {
  for (const Range all : {Range{0, 100}, Range{7, 3}, Range{5, 23}}) {
    int64_t next = all.first;
    for (int64_t shard = 0; shard < 8; ++shard) {
      const Range part = part_of(all, shard, 8);
      CHECK(part.first == next);
      CHECK((part.count == all.count / 8 || part.count == all.count / 8 + 1));
      next += part.count;
    }
    CHECK(next == all.first + all.count);
  }
}

TEST_CASE("a picture that was encoded decodes to what it was, to half a step") {
  const Tensor pictures = latents(3, 0, 2, {3, 8, 16});
  Tensor bounded = pictures.clone();
  for (int64_t i = 0; i < bounded.numel(); ++i) bounded.data()[i] = std::clamp(bounded.data()[i], -1.0f, 1.0f);
  const std::string png = encode(bounded, 1, {});
  const Tensor back = decode(bytes_of(png), "p.png", {-1, 1});
  CHECK(back.shape() == Shape{3, 8, 16});
  for (int64_t i = 0; i < back.numel(); ++i)
    CHECK(std::abs(back.data()[i] - bounded.data()[back.numel() + i]) <= 1.0f / 255 + 1e-6f);
  const std::string npy = encode(pictures, 1, {.format = Format::npy});
  const Tensor numbers = decode(bytes_of(npy), "p.npy", {});
  CHECK(std::equal(numbers.data(), numbers.data() + numbers.numel(), pictures.data() + numbers.numel()));
  CHECK_THROWS_AS(decode(bytes_of("GIF89a"), "p.gif", {}), Error);
  CHECK_THROWS_AS(decode(bytes_of(png.substr(0, 60)), "p.png", {}), Error);
}

TEST_CASE("labels are read from texts and arrays") {
  const std::string path = (std::filesystem::temp_directory_path() / "upconv_labels.txt").string();
  std::ofstream(path) << "3\n0\r\n12";
  const auto labels = labels_from(path);
  Tensor batch(Shape{2}, DType::int64);
  labels->fill(1, 2, batch);
  CHECK(batch.indices()[0] == 0);
  CHECK(batch.indices()[1] == 12);
  CHECK_THROWS_AS(labels->fill(2, 2, batch), Error);
  std::ofstream(path) << "3\nx\n";
  CHECK(message_of([&] { (void)labels_from(path); }) ==
        path + ":2: expected a label, a whole number alone on its line, got \"x\"");
  std::filesystem::remove(path);
  labels_modulo(3)->fill(4, 2, batch);
  CHECK(batch.indices()[0] == 1);
  CHECK(batch.indices()[1] == 2);
}

TEST_CASE("a painter gives pictures in their order, whatever its batch and its threads") {
  const auto net = sequential(Linear(4, 12), Unflatten(1, {3, 2, 2}), Tanh());
  const auto painted = [&](int threads, int64_t batch) {
    Painter painter(net, {{{1, 4}}}, {.threads = threads, .batch = batch});
    std::string all;
    painter.paint(
        5, 23,
        [](int64_t first, int64_t rows, std::vector<Tensor>& in) {
          latents_of(9, {1, 4})->fill(first, rows, in[0]);
        },
        [](int64_t first, int64_t rows, const Tensor& out) {
          std::string bytes;
          for (int64_t row = 0; row < rows; ++row)
            bytes += std::to_string(first + row) + " " + encode(out, row, {.format = Format::npy});
          return bytes;
        },
        [&](int64_t, std::string_view bytes) { all += bytes; });
    return all;
  };
  const std::string one = painted(1, 1);
  CHECK(one.starts_with("5 \x93NUMPY"));
  CHECK(painted(1, 7) == one);
  CHECK(painted(2, 3) == one);
  CHECK(painted(2, 64) == one);

  Painter painter(net, {{{1, 4}}}, {.threads = 2, .batch = 2});
  const auto nothing = [](int64_t, int64_t, const Tensor&) { return std::string(); };
  CHECK(message_of([&] {
          painter.paint(
              0, 100,
              [](int64_t first, int64_t, std::vector<Tensor>&) {
                if (first == 10) throw Error("no input");
              },
              nothing, [](int64_t, std::string_view) {});
        }) == "no input");
  CHECK_THROWS_AS(Painter(sequential(Linear(4, 3)), {{{1, 4}}}, {}), Error);
}

TEST_CASE("tars of others: long names in three ways, folders and links") {
  for (const char* format : {"gnu", "pax", "ustar"}) {
    const internal::MappedFile file = internal::map_file(UPCONV_GOLDEN "/tar/" + std::string(format) + ".tar");
    TarReader reader(file.bytes, format);
    std::vector<std::pair<std::string, std::string>> members;
    while (const std::optional<Member> member = reader.next())
      members.emplace_back(member->name, text_of(member->content));
    CHECK(members == std::vector<std::pair<std::string, std::string>>{
                         {"short.json", "{}"},
                         {std::string(70, 'd') + "/" + std::string(70, 'e') + ".json", "[1]"},
                         {"empty", ""}});
  }
}

TEST_CASE("a painter that cannot write says so, from whichever thread, and ends") {
  const auto net = sequential(Linear(4, 12), Unflatten(1, {3, 2, 2}));
  Painter painter(net, {{{1, 4}}}, {.threads = 3, .batch = 2});
  for (const int64_t last : {0, 5, 49}) {
    int64_t written = 0;
    CHECK(message_of([&] {
            painter.paint(
                0, 100, [](int64_t, int64_t, std::vector<Tensor>&) {},
                [](int64_t first, int64_t, const Tensor&) { return std::to_string(first / 2); },
                [&](int64_t rows, std::string_view bytes) {
                  CHECK(rows == 2);
                  CHECK(bytes == std::to_string(written));
                  if (written++ == last) throw Error("the disk is full");
                });
          }) == "the disk is full");
    CHECK(written == last + 1);
  }
}

TEST_CASE("what was asked for is told, and asked for again") {
  CHECK(asked_of({.tune = Tune::throughput}).empty());
  const Options options{
      .accuracy = Accuracy::fast, .precision = Precision::bfloat16, .float32 = {"main.0"}, .round_inputs = true};
  const nlohmann::ordered_json asked = asked_of(options);
  CHECK(asked.dump() == R"({"accuracy":"fast","precision":"bfloat16","float32":["main.0"],"round_inputs":true})");
  Options again;
  ask(asked, again);
  CHECK(asked_of(again) == asked);
  for (const char* wrong : {R"({"precision":"float16"})", R"({"accuracy":1})", R"({"more":1})", "[]", "3"})
    CHECK_THROWS_AS(ask(nlohmann::ordered_json::parse(wrong), again), Error);
  CHECK(asked_of(again) == asked);
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("memory is the same after five shards and after fifty") {
  const auto net = sequential(Linear(4, 48), Unflatten(1, {3, 4, 4}), ConvTranspose2d(3, 3, 4, {.stride = 4}), Tanh());
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("upconv_flat." + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  for (const Format format : {Format::npy, Format::png}) {
    Painter painter(net, {{{1, 4}}}, {.threads = 2, .batch = 16});
    const Shards shards({.network = "",
                         .weights = "",
                         .inputs = {latents_of(0, {1, 4})},
                         .seed = 0,
                         .encoding = {.format = format},
                         .pictures = {0, 50 * 256},
                         .names = ShardNames((folder / "{shard}.tar").string()),
                         .shards = 50},
                        painter);
    int64_t early = 0;
    for (int64_t shard = 0; shard < 50; ++shard) {
      if (shard == 5) early = testing::anonymous_memory();
      Shards::commit(shards.paint(shard));
      std::filesystem::remove(folder / (std::to_string(shard) + ".tar"));
    }
    // 12,800 pictures; had each left a hundred bytes, this would be more.
    CHECK(testing::anonymous_memory() - early < 1'000'000);
    CHECK(early > 0);
  }
  std::filesystem::remove_all(folder);
}
#endif
