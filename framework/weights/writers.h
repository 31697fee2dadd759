#pragma once
// Internal: one function for each format that is written, to anywhere: what the save_ functions and the program share.
// None of them commits; `file` is the output's name in errors.
#include <string>

#include "../image.h"
#include "safetensors.h"
#include "temporary_file.h"

namespace upconv::internal {

/// What stands in a .npy before the numbers.
std::string npy_header(DType dtype, const Shape& shape);
/// As save_npy.
void write_npy(Output& output, const Tensor& tensor);
/// As save_safetensors.
void write_safetensors(Output& output, const std::string& file, const StateDict& weights, const SaveOptions& options);
/// As save_png.
void write_png(Output& output, const std::string& file, const Image& image);

/// Pixels of a sheet.
struct SheetSize {
  int64_t width, height;
};
/// What a Grid of these pictures will have.
SheetSize sheet_size(int64_t count, int64_t height, int64_t width, const GridOptions& options);
/// Throws Error for a picture that is larger than libpng writes, and reads: for who knows the size before the picture.
void check_png_size(const std::string& file, const SheetSize& size);

}  // namespace upconv::internal
