#include "datasets/png.h"

#include <png.h>

#include "framework/fail.h"
#include "framework/weights/writers.h"

namespace upconv::datasets {

std::string encode_png(const Image& image) {
  internal::check_png_size("a picture", {image.width, image.height});
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  png.flags = PNG_IMAGE_FLAG_FAST;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&png, bytes.data(), &size, 0, image.rgb.data(), 0, nullptr))
    internal::fail("a PNG cannot be made: {}", png.message);
  bytes.resize(size);
  return bytes;
}

}  // namespace upconv::datasets
