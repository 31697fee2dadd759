#pragma once
#include <string>

#include "framework/image.h"

namespace upconv::datasets {

/// The bytes of a PNG: always the same settings, so that equal pictures are equal bytes for one build of upconv.
std::string encode_png(const Image& image);

}  // namespace upconv::datasets
