#include "framework/image.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "framework/error.h"
#include "framework/random.h"
#include "framework/weights/state_dict.h"

using namespace upconv;
namespace fs = std::filesystem;

namespace {

/// A folder of its own for one test, removed with everything in it.
struct Scratch {
  fs::path path = fs::temp_directory_path() / ("upconv_image_test." + std::to_string(std::random_device{}()));
  Scratch() { fs::create_directory(path); }
  ~Scratch() { fs::remove_all(path); }
};

GridOptions parse_options(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  GridOptions options{.nrow = json["nrow"], .padding = json["padding"], .pad_value = json["pad_value"]};
  if (!json["value_range"].is_null()) options.value_range = {json["value_range"][0], json["value_range"][1]};
  return options;
}

/// `count` pictures [first, first + count) of a batch.
Tensor slice(const Tensor& pictures, int64_t first, int64_t count) {
  Shape shape = pictures.shape();
  const int64_t size = pictures.numel() / shape[0];
  shape[0] = count;
  const float* begin = pictures.data() + first * size;
  return Tensor(shape, std::vector<float>(begin, begin + count * size));
}

bool same(const Image& a, const Image& b) { return a.width == b.width && a.height == b.height && a.rgb == b.rgb; }

std::string error_of(const auto& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("make_grid gives torchvision's bytes") {
  const StateDict golden = load_state_dict(fs::path(UPCONV_GOLDEN) / "grid.safetensors");
  int compared = 0;
  for (const auto& [name, text] : golden.metadata) {
    if (!name.starts_with("case")) continue;
    CAPTURE(name);
    const Stored& bytes = golden.at(name + ".bytes");
    const Image image = make_grid(golden.at(name + ".input").to_tensor(), parse_options(text));
    CHECK(Shape{image.height, image.width, 3} == bytes.shape);
    REQUIRE(image.rgb.size() == bytes.bytes.size());
    CHECK(std::memcmp(image.rgb.data(), bytes.bytes.data(), image.rgb.size()) == 0);
    ++compared;
  }
  CHECK(compared > 0);
}

TEST_CASE("values become bytes as save_image rounds them") {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor row({1, 1, 8}, std::vector<float>{-inf, -1, 0, 0.5f, 1, 2, inf, std::nanf("")});
  const auto reds = [&](const GridOptions& options) {
    const Image image = make_grid(row, options);
    std::vector<int> values;
    for (size_t i = 0; i < image.rgb.size(); i += 3) {
      values.push_back(image.rgb[i]);
      CHECK((image.rgb[i + 1] == image.rgb[i] && image.rgb[i + 2] == image.rgb[i]));  // one channel becomes three
    }
    return values;
  };
  CHECK(reds({}) == std::vector{0, 0, 0, 128, 255, 255, 255, 0});
  CHECK(reds({.value_range = {{-1, 1}}}) == std::vector{0, 0, 128, 191, 255, 255, 255, 0});
  CHECK(reds({.value_range = {{0, 0}}}) == std::vector{0, 0, 0, 0, 0, 0, 0, 0});  // a span of at least 1e-5
}

TEST_CASE("a grid lays pictures out in rows") {
  const Tensor pictures({3, 1, 1, 2}, std::vector<float>{1, 1, 1, 1, 1, 1});
  const Image image = make_grid(pictures, {.nrow = 2, .padding = 1, .pad_value = 0.5f});
  REQUIRE(image.width == 7);
  REQUIRE(image.height == 5);
  const std::string expected =
      "-------"
      "-##-##-"
      "-------"
      "-##----"
      "-------";
  for (size_t i = 0; i < expected.size(); ++i) CHECK(image.rgb[3 * i] == (expected[i] == '#' ? 255 : 128));
}

TEST_CASE("one picture is the sheet, with or without a batch dimension") {
  const Tensor picture = randn({3, 4, 5}, 0);
  const Image image = make_grid(picture);
  CHECK(image.width == 5);
  CHECK(image.height == 4);
  CHECK(same(image, make_grid(picture.reshape({1, 3, 4, 5}), {.nrow = 3, .padding = 7})));
}

TEST_CASE("a grid filled batch by batch is make_grid of all") {
  for (int64_t channels : {1, 3})
    for (int64_t count : {1, 2, 7, 8, 11}) {
      const GridOptions options{.nrow = 4, .padding = 3, .value_range = {{-1, 1}}, .pad_value = 0.25f};
      const Tensor all = randn({count, channels, 5, 33}, 1);
      for (int64_t batch : {1, 3, 4}) {
        Grid grid(count, channels, 5, 33, options);
        for (int64_t first = 0; first < count; first += batch)
          grid.add(slice(all, first, std::min(batch, count - first)));
        CHECK(same(grid.image(), make_grid(all, options)));
      }
    }
}

TEST_CASE("shapes and options that make no grid are refused") {
  CHECK(error_of([] {
          return make_grid(Tensor({4, 4}));
        }) == "make_grid expected pictures (N, C, H, W) or (C, H, W), got (4, 4)");
  CHECK(error_of([] {
          return make_grid(Tensor({2, 4, 3, 3}));
        }) == "make_grid expected pictures of 1 or 3 channels, got 4");
  CHECK_THROWS_AS(make_grid(Tensor({0, 3, 4, 4})), Error);
  CHECK_THROWS_AS(make_grid(Tensor({2, 3, 0, 4})), Error);
  CHECK_THROWS_AS(make_grid(Tensor({2, 3, 4, 4}, DType::int64)), Error);
  CHECK_THROWS_AS(make_grid(Tensor({2, 3, 4, 4}), {.nrow = 0}), Error);
  CHECK_THROWS_AS(make_grid(Tensor({2, 3, 4, 4}), {.padding = -1}), Error);
  CHECK_THROWS_AS(make_grid(Tensor({2, 3, 4, 4}), {.value_range = {{1, -1}}}), Error);
  const int64_t huge = int64_t{1} << 30;
  CHECK_THROWS_AS(Grid(huge, 3, huge, huge), Error);
  CHECK_THROWS_AS(Grid(1, 3, huge + 1, 1), Error);

  Grid grid(3, 3, 4, 4);
  CHECK(error_of([&] { grid.add(Tensor({1, 3, 4, 5})); }) == "Grid expected pictures (N, 3, 4, 4), got (1, 3, 4, 5)");
  grid.add(Tensor({2, 3, 4, 4}));
  CHECK(error_of([&] { grid.add(Tensor({2, 3, 4, 4})); }) == "Grid has room for 1 more pictures, got 2");
}

TEST_CASE("PNG keeps every byte") {
  const Scratch scratch;
  const fs::path file = scratch.path / "grid.png";
  const Tensor pictures = randn({5, 3, 9, 7}, 2);
  save_grid(file, pictures, {.nrow = 2});
  CHECK(same(load_png(file), make_grid(pictures, {.nrow = 2})));

  const Image dot{1, 1, {1, 2, 3}};
  save_png(file, dot);  // replaces
  CHECK(same(load_png(file), dot));
  CHECK(std::distance(fs::directory_iterator(scratch.path), fs::directory_iterator()) == 1);
}

TEST_CASE("a PNG that cannot be written leaves nothing behind") {
  const Scratch scratch;
  const Image dot{1, 1, {1, 2, 3}};
  const fs::path nowhere = scratch.path / "missing" / "dot.png";
  CHECK(error_of([&] { save_png(nowhere, dot); }) ==
        nowhere.string() + ": cannot be created: No such file or directory");

  const fs::path folder = scratch.path / "folder";
  fs::create_directory(folder);
  CHECK(error_of([&] { save_png(folder, dot); }) ==
        folder.string() + ": expected a file to write, got the name of a folder");
  CHECK(error_of([&] {
          save_png("wide.png", Image{1'000'001, 1, std::vector<uint8_t>(3'000'003)});
        }) == "wide.png: a PNG has at most 1000000 x 1000000 pixels, got 1000001 x 1");
  CHECK_THROWS_AS(save_png(scratch.path / "a.png", Image{2, 1, {1, 2, 3}}), Error);
  CHECK_THROWS_AS(save_png(scratch.path / "a.png", Image{}), Error);
  CHECK(std::distance(fs::directory_iterator(scratch.path), fs::directory_iterator()) == 1);  // the folder
}

TEST_CASE("a PNG that cannot be read is named") {
  const Scratch scratch;
  const fs::path file = scratch.path / "a.png";
  CHECK(error_of([&] { return load_png(file); }).starts_with(file.string() + ": cannot be read: "));
  std::ofstream(file) << "not a picture";
  CHECK(error_of([&] { return load_png(file); }).starts_with(file.string() + ": cannot be read: "));

  save_grid(file, randn({3, 64, 64}, 0));
  fs::resize_file(file, fs::file_size(file) / 2);
  CHECK(error_of([&] { return load_png(file); }).starts_with(file.string() + ": cannot be read: "));
}
