#include "datasets/encode.h"

#include <algorithm>
#include <memory>

#if defined(UPCONV_JPEG)
#include <turbojpeg.h>
#endif

#include "datasets/png.h"
#include "framework/fail.h"
#include "framework/image.h"
#include "framework/weights/writers.h"

namespace upconv::datasets {

using namespace internal;

namespace {

/// One of several, (1, C, H, W), in memory of its own.
Tensor picture_of(const Tensor& pictures, int64_t row) {
  Shape shape = pictures.shape();
  shape[0] = 1;
  const int64_t size = numel(shape);
  Tensor picture(shape);
  std::copy_n(pictures.data() + row * size, size, picture.data());
  return picture;
}

#if defined(UPCONV_JPEG)
std::string encode_jpeg(const Image& image, int quality) {
  const std::unique_ptr<void, int (*)(tjhandle)> compressor(tjInitCompress(), tjDestroy);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  // The exact transform: whatever vectors a processor has, the bytes are the same.
  const int status =
      tjCompress2(compressor.get(), image.rgb.data(), static_cast<int>(image.width), 0, static_cast<int>(image.height),
                  TJPF_RGB, &bytes, &size, TJSAMP_420, quality, TJFLAG_ACCURATEDCT);
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(bytes, tjFree);
  if (status != 0) fail("a JPEG cannot be made: {}", tjGetErrorStr2(compressor.get()));
  return {reinterpret_cast<const char*>(bytes), size};
}
#else
std::string encode_jpeg(const Image&, int) { fail("this build of upconv has no JPEG"); }
#endif

}  // namespace

std::string_view name(Format format) {
  switch (format) {
    case Format::png:
      return "png";
    case Format::npy:
      return "npy";
    case Format::jpeg:
      return "jpeg";
  }
  return "";
}

Format parse_format(std::string_view text) {
#if !defined(UPCONV_JPEG)
  if (text == "jpeg") fail("this build of upconv has no JPEG: it was made without libjpeg-turbo");
#endif
  for (const Format format : {Format::png, Format::npy, Format::jpeg})
    if (name(format) == text) return format;
  fail("unknown format \"{}\": there is png, npy, jpeg", text);
}

void append_encoded(std::string& to, const Tensor& pictures, int64_t row, const Encoding& encoding) {
  if (pictures.dim() != 4) fail("expected pictures (N, C, H, W), got {}", str(pictures.shape()));
  if (encoding.format == Format::npy) {
    const Shape shape(pictures.shape().begin() + 1, pictures.shape().end());
    const size_t size = static_cast<size_t>(numel(shape)) * sizeof(float);
    to += npy_header(DType::float32, shape);
    to.append(reinterpret_cast<const char*>(pictures.data()) + static_cast<size_t>(row) * size, size);
    return;
  }
  const Image image = make_grid(picture_of(pictures, row), {.value_range = encoding.value_range});
  to += encoding.format == Format::png ? encode_png(image) : encode_jpeg(image, encoding.quality);
}

std::string encode(const Tensor& pictures, int64_t row, const Encoding& encoding) {
  std::string file;
  append_encoded(file, pictures, row, encoding);
  return file;
}

}  // namespace upconv::datasets
