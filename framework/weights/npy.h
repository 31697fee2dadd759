#pragma once
// NumPy's format of one array, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. A file is
//   "\x93NUMPY" | version | u16 (version 1) or u32 N | N bytes of a Python dictionary | the elements.
#include <filesystem>

#include "../tensor.h"

namespace upconv {

/// Reads an array that numpy.save wrote: float64, float32 and float16 become float32, the integers and bool int64.
/// Throws Error naming file, expected and got.
[[nodiscard]] Tensor load_npy(const std::filesystem::path& path);

/// Writes a float32 or int64 array that numpy.load reads. The file appears under its name only when it is complete and
/// on disk.
void save_npy(const std::filesystem::path& path, const Tensor& tensor);

}  // namespace upconv
