#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "framework/tensor.h"

namespace upconv::datasets {

/// The picture in a file's bytes as (C, H, W): RGB of a PNG or JPEG, whose 0 and 255 become the ends of `range`, or the
/// numbers of a .npy. Throws Error, with the file's name, where it is none.
Tensor decode(std::span<const std::byte> bytes, const std::string& file, std::pair<double, double> range);

}  // namespace upconv::datasets
