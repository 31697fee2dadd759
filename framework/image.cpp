#include "framework/image.h"

#include <png.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>

#include "framework/fail.h"
#include "framework/weights/readers.h"
#include "framework/weights/writers.h"

namespace upconv {

using namespace internal;

namespace {

/// The longest side and padding: no product of two of them, or sum of a few such products, leaves 63 bits.
constexpr int64_t longest_count = int64_t{1} << 30;

void expect_size(const char* what, int64_t least, int64_t got) {
  if (got < least || got > longest_count)
    fail("make_grid expected {} of {} to {}, got {}", what, least, longest_count, got);
}

/// torchvision's steps from a value to a byte, each rounded to float32 by itself: clamp to (low, high), - low, / span,
/// then * 255 + 0.5, clamp, cut off the fraction. NaN becomes 0. Without a range the first three leave the value alone.
struct Mapping {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
  float shift = 0;
  float span = 1;

  explicit Mapping(const std::optional<std::pair<double, double>>& range) {
    if (!range) return;
    const auto [from, to] = *range;
    if (!(from <= to)) fail("make_grid expected value_range to rise, got ({}, {})", from, to);
    low = shift = static_cast<float>(from);
    high = static_cast<float>(to);
    span = static_cast<float>(std::max(to - from, 1e-5));
  }

  uint8_t operator()(float value) const {
    value = value < low ? low : value;
    value = value > high ? high : value;
    value = (value - shift) / span * 255.0f + 0.5f;
    value = value > 0.0f ? value : 0.0f;
    value = value < 255.0f ? value : 255.0f;
    return static_cast<uint8_t>(static_cast<int32_t>(value));
  }
};

uint8_t to_byte(float value) { return Mapping(std::nullopt)(value); }

/// One channel of a row, turned to bytes. Apart from interleaving, because this loop vectorises and that one does not;
/// `mapping` by value, because a reference might be to what `bytes` overwrites. Both together take 1.5 ns a value: 1 %
/// of a DCGAN's run (batch 16 and 64, two threads, AVX2), so programs leave pictures as floats and know nothing of
/// bytes.
void quantise(const float* values, int64_t width, Mapping mapping, uint8_t* bytes) {
  for (int64_t x = 0; x < width; ++x) bytes[x] = mapping(values[x]);
}

/// One picture (channels, height, width) into RGB rows that lie `stride` bytes apart.
void paint(const float* picture, int64_t channels, int64_t height, int64_t width, const Mapping& mapping, uint8_t* rgb,
           int64_t stride) {
  std::vector<uint8_t> row(static_cast<size_t>(channels * width));
  const uint8_t* red = row.data();
  const uint8_t* green = channels == 3 ? red + width : red;
  const uint8_t* blue = channels == 3 ? green + width : red;
  for (int64_t y = 0; y < height; ++y, rgb += stride) {
    for (int64_t c = 0; c < channels; ++c)
      quantise(picture + (c * height + y) * width, width, mapping, row.data() + c * width);
    for (int64_t x = 0; x < width; ++x) {
      rgb[3 * x] = red[x];
      rgb[3 * x + 1] = green[x];
      rgb[3 * x + 2] = blue[x];
    }
  }
}

/// Throws Error where the fields of `image` disagree.
void expect_consistent(const std::string& file, const Image& image) {
  const bool fits =
      image.width >= 1 && image.height >= 1 && image.width <= longest_count && image.height <= longest_count;
  if (!fits || image.rgb.size() / 3 != static_cast<uint64_t>(image.width * image.height) || image.rgb.size() % 3 != 0)
    fail("{}: a picture of {} x {} pixels and {} bytes cannot be written", file, image.width, image.height,
         image.rgb.size());
}

/// libpng's simplified interface; its memory goes with it, whether reading ended or failed.
struct Png : png_image {
  Png() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~Png() { png_image_free(this); }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;
};

}  // namespace

SheetSize internal::sheet_size(int64_t count, int64_t height, int64_t width, const GridOptions& options) {
  const int64_t columns = std::min(options.nrow, count), rows = (count + columns - 1) / columns;
  const int64_t padding = count == 1 ? 0 : options.padding;
  return {columns * (width + padding) + padding, rows * (height + padding) + padding};
}

Grid::Grid(int64_t count, int64_t channels, int64_t height, int64_t width, const GridOptions& options)
    : options_(options), count_(count), channels_(channels), height_(height), width_(width) {
  if (channels != 1 && channels != 3) fail("make_grid expected pictures of 1 or 3 channels, got {}", channels);
  expect_size("a count", 1, count);
  expect_size("a height", 1, height);
  expect_size("a width", 1, width);
  expect_size("padding", 0, options.padding);
  if (options.nrow < 1) fail("make_grid expected nrow of at least 1, got {}", options.nrow);

  if (count == 1) options_.padding = 0;  // one picture is the sheet, as in torchvision
  const SheetSize size = sheet_size(count, height, width, options_);
  image_.width = size.width;
  image_.height = size.height;
  image_.rgb.assign(static_cast<size_t>(numel({image_.height, image_.width, 3})), to_byte(options.pad_value));
}

void Grid::add(const Tensor& pictures) {
  const Shape& shape = pictures.shape();
  if (shape.size() != 4 || !std::equal(shape.begin() + 1, shape.end(), Shape{channels_, height_, width_}.begin()))
    fail("Grid expected pictures (N, {}, {}, {}), got {}", channels_, height_, width_, str(shape));
  if (shape[0] > count_ - filled_) fail("Grid has room for {} more pictures, got {}", count_ - filled_, shape[0]);

  const Mapping mapping(options_.value_range);
  const float* picture = pictures.data();
  const int64_t columns = std::min(options_.nrow, count_);
  const int64_t stride = 3 * image_.width;
  for (int64_t i = 0; i < shape[0]; ++i, ++filled_, picture += channels_ * height_ * width_) {
    const int64_t y = filled_ / columns * (height_ + options_.padding) + options_.padding;
    const int64_t x = filled_ % columns * (width_ + options_.padding) + options_.padding;
    paint(picture, channels_, height_, width_, mapping, image_.rgb.data() + y * stride + 3 * x, stride);
  }
}

Image make_grid(const Tensor& pictures, const GridOptions& options) {
  Shape shape = pictures.shape();
  if (shape.size() == 3) shape.insert(shape.begin(), 1);
  if (shape.size() != 4) fail("make_grid expected pictures (N, C, H, W) or (C, H, W), got {}", str(shape));
  Grid grid(shape[0], shape[1], shape[2], shape[3], options);
  grid.add(pictures.reshape(shape));
  return grid.image();
}

void internal::check_png_size(const std::string& file, const SheetSize& size) {
  constexpr int64_t most = 1'000'000;  // libpng's own limit, of readers too
  if (size.width > most || size.height > most)
    fail("{}: a PNG has at most {} x {} pixels, got {} x {}", file, most, most, size.width, size.height);
}

void internal::write_png(Output& output, const std::string& file, const Image& image) {
  expect_consistent(file, image);
  check_png_size(file, {image.width, image.height});
  Png png;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  // In memory first: libpng does not say why a file could not be written. Pages that stay empty cost nothing.
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  const auto bytes = std::make_unique_for_overwrite<std::byte[]>(size);
  if (!png_image_write_to_memory(&png, bytes.get(), &size, 0, image.rgb.data(), 0, nullptr))
    fail("{}: cannot be written: {}", file, png.message);
  output.write(bytes.get(), size);
}

void save_png(const std::filesystem::path& path, const Image& image) {
  expect_consistent(path.string(), image);
  TemporaryFile file(path, {.synced = false});
  write_png(file, path.string(), image);
  file.commit();
}

namespace {

/// What comes after png_image_begin_read_...
Image finish_read(Png& png, const std::string& file) {
  png.format = PNG_FORMAT_RGB;
  const uint64_t size = uint64_t{png.width} * png.height * 3;
  if (size > UINT32_MAX) fail("{}: a picture of {} x {} pixels is too large", file, png.width, png.height);
  Image image{png.width, png.height, std::vector<uint8_t>(size)};
  if (!png_image_finish_read(&png, nullptr, image.rgb.data(), 0, nullptr))
    fail("{}: cannot be read: {}", file, png.message);
  return image;
}

}  // namespace

Image load_png(const std::filesystem::path& path) {
  Png png;
  if (!png_image_begin_read_from_file(&png, path.string().c_str()))
    fail("{}: cannot be read: {}", path.string(), png.message);
  return finish_read(png, path.string());
}

Image internal::read_png(std::span<const std::byte> bytes, const std::string& file) {
  Png png;
  if (!png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()))
    fail("{}: cannot be read: {}", file, png.message);
  return finish_read(png, file);
}

void save_grid(const std::filesystem::path& path, const Tensor& pictures, const GridOptions& options) {
  save_png(path, make_grid(pictures, options));
}

}  // namespace upconv
