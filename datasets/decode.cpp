#include "datasets/decode.h"

#include <memory>

#if defined(UPCONV_JPEG)
#include <turbojpeg.h>
#endif

#include "framework/fail.h"
#include "framework/image.h"
#include "framework/weights/bytes.h"
#include "framework/weights/readers.h"

namespace upconv::datasets {

using namespace internal;

namespace {

#if defined(UPCONV_JPEG)
Image decode_jpeg(std::span<const std::byte> bytes, const std::string& file) {
  const std::unique_ptr<void, int (*)(tjhandle)> reader(tjInitDecompress(), tjDestroy);
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, subsampling = 0, colours = 0;
  constexpr int most = 1 << 16;  // what a JPEG can say
  Image image;
  bool fine = tjDecompressHeader3(reader.get(), data, bytes.size(), &width, &height, &subsampling, &colours) == 0 &&
              width <= most && height <= most;
  if (fine) {
    image = {width, height, std::vector<uint8_t>(static_cast<size_t>(numel({height, width, 3})))};
    fine = tjDecompress2(reader.get(), data, bytes.size(), image.rgb.data(), width, 0, height, TJPF_RGB,
                         TJFLAG_ACCURATEDCT) == 0;
  }
  if (!fine) fail("{}: cannot be read: {}", file, tjGetErrorStr2(reader.get()));
  return image;
}
#else
Image decode_jpeg(std::span<const std::byte>, const std::string& file) {
  fail("{}: this build of upconv has no JPEG: it was made without libjpeg-turbo", file);
}
#endif

/// Rows of RGB as three planes of numbers.
Tensor planes(const Image& image, std::pair<double, double> range) {
  Tensor picture(Shape{3, image.height, image.width});
  const auto low = static_cast<float>(range.first), span = static_cast<float>(range.second - range.first);
  const int64_t pixels = image.height * image.width;
  for (int64_t c = 0; c < 3; ++c)
    for (int64_t i = 0; i < pixels; ++i)
      picture.data()[c * pixels + i] =
          static_cast<float>(image.rgb[static_cast<size_t>(3 * i + c)]) / 255.0f * span + low;
  return picture;
}

}  // namespace

Tensor decode(std::span<const std::byte> bytes, const std::string& file, std::pair<double, double> range) {
  const std::string_view text = text_of(bytes);
  if (text.starts_with("\x89PNG")) return planes(read_png(bytes, file), range);
  if (text.starts_with("\xFF\xD8\xFF")) return planes(decode_jpeg(bytes, file), range);
  if (!text.starts_with("\x93NUMPY")) fail("{}: expected a PNG, a JPEG or a .npy, got something else", file);
  Tensor numbers = read_npy(bytes, file, nullptr).to_tensor();
  if (numbers.dim() != 3 || numbers.dtype() != DType::float32)
    fail("{}: expected floating-point numbers (C, H, W), got {} {}", file, name(numbers.dtype()), str(numbers.shape()));
  return numbers;
}

}  // namespace upconv::datasets
