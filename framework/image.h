#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "tensor.h"

namespace upconv {

/// An 8-bit RGB picture, rows from the top.
struct Image {
  int64_t width = 0;         ///< pixels of a row
  int64_t height = 0;        ///< rows
  std::vector<uint8_t> rgb;  ///< height * width * 3 bytes, row by row
};

/// torchvision.utils.make_grid's options, with its defaults.
struct GridOptions {
  int64_t nrow = 8;     ///< pictures in a row
  int64_t padding = 2;  ///< pixels between and around pictures; a single picture gets none

  /// Mapped to [0, 1] after clamping; without it values are taken as they are. double as in Python, whose difference of
  /// the two decides bytes.
  std::optional<std::pair<double, double>> value_range = std::nullopt;
  float pad_value = 0;  ///< of the pixels between and around pictures
};

/// Pictures (N, C, H, W) or (C, H, W) with C 1 or 3 on one sheet, as torchvision's make_grid and save_image do it,
/// rounding included. Throws Error for other shapes.
[[nodiscard]] Image make_grid(const Tensor& pictures, const GridOptions& options = {});

/// A sheet that is filled batch by batch, so that only its bytes are held: the same picture as make_grid of all.
class Grid {
 public:
  /// Room for `count` pictures of `channels` (1 or 3) x `height` x `width`.
  Grid(int64_t count, int64_t channels, int64_t height, int64_t width, const GridOptions& options = {});
  /// The next pictures, (N, C, H, W).
  void add(const Tensor& pictures);
  /// The sheet as far as it is filled.
  [[nodiscard]] const Image& image() const { return image_; }

 private:
  GridOptions options_;
  int64_t count_, channels_, height_, width_, filled_ = 0;
  Image image_;
};

/// Writes a PNG. Throws Error naming the file where it cannot be written; a failed write leaves no file behind.
void save_png(const std::filesystem::path& path, const Image& image);
/// Reads a PNG as 8-bit RGB, laid on black where it is transparent. Throws Error naming the file.
[[nodiscard]] Image load_png(const std::filesystem::path& path);
/// make_grid, then save_png.
void save_grid(const std::filesystem::path& path, const Tensor& pictures, const GridOptions& options = {});

}  // namespace upconv
