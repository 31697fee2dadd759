#pragma once
// One picture as the bytes of a file.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "framework/tensor.h"

namespace upconv::datasets {

enum class Format {
  png,   ///< 8-bit RGB, without loss, as torchvision rounds to bytes
  npy,   ///< the network's own float32 numbers (C, H, W)
  jpeg,  ///< 8-bit, with loss
};

/// "png", ...
std::string_view name(Format format);
/// The format of that name. Throws Error, listing the names, where there is none, or this build was made without it.
Format parse_format(std::string_view name);

/// How pictures become bytes: always the same for the same numbers, whichever thread asks.
struct Encoding {
  Format format = Format::png;
  int quality = 90;                                 ///< of JPEG, 1 to 100
  std::pair<double, double> value_range = {-1, 1};  ///< what becomes 0 and 255; .npy has the numbers as they are
};

/// The file's bytes of picture `row` of (N, C, H, W) with C 1 or 3; any C for .npy.
std::string encode(const Tensor& pictures, int64_t row, const Encoding& encoding);
/// The same behind what is there.
void append_encoded(std::string& to, const Tensor& pictures, int64_t row, const Encoding& encoding);

}  // namespace upconv::datasets
