#pragma once
// What the kernel with pixels in its lanes reads and writes: rows of the input as [channel][row][column], with what
// lies beside them, and rows of outputs, in their place or aside.
#include <span>
#include <vector>

#include "../geometry.h"
#include "../panel.h"

namespace upconv::internal {

/// Column phases that are computed together: the two of a stride of 2, whose outputs alternate, or one.
struct Columns {
  std::vector<const Phase*> phases;  ///< in the order of their outputs
  int64_t out_first, out_step, count;
};

/// The taps of Table::rows, in its order.
struct RowTaps {
  std::vector<kernels::RowTap> taps;
  int64_t both = 0, alone[2] = {};
};

/// A row that the taps read: where it lies in the window, and its weights, [column of the kernel][oc], in floats.
struct RowSource {
  int64_t x, w;
};

class RowWindow {
 public:
  RowWindow(const ConvGeometry& geometry, const kernels::Table& table, const ConvContext& context);
  RowWindow(const RowWindow&) = delete;  // columns point into the geometry

  const std::vector<Columns>& columns() const { return columns_; }
  int64_t widest() const { return widest_; }  ///< of them
  /// Floats from one row to the next, whole lines.
  int64_t row() const { return row_; }
  /// Columns of a row.
  int64_t cols() const { return part_ * col_step_; }
  /// Floats before a window of whole lines, so that the picture's own columns begin one.
  int64_t lead() const { return slack - own_begin_ % slack; }
  static constexpr int64_t slack = 16;  ///< floats after it that the kernel may load

  RowTaps taps(const Columns& columns, std::span<const RowSource> rows) const;

  /// Packs `rows` rows of the input, all channels, from row `first` on, which may lie outside. `channel`: floats from
  /// one channel to the next.
  void pack(int64_t image, int64_t first, int64_t rows, const Frame& frame, float* window, int64_t channel) const;

  // The same in parts, for who computes with rows of the picture before their neighbours lie beside them.

  /// The columns of a row that are the picture's own, where all lie side by side: from own_begin() on, the picture's
  /// column own_first().
  int64_t own_begin() const { return own_begin_; }
  int64_t own_count() const { return own_end_ - own_begin_; }
  int64_t own_first() const { return cols_.begin + own_begin_; }
  /// Those of `rows` rows of `count` channels-last channels, of C; zeros in rows that lie outside.
  void transpose_own(const float* x, int64_t C, int64_t count, int64_t first, int64_t rows, float* window,
                     int64_t channel) const;
  /// Fills what lies beside them in a row.
  void fill_beside(float* row) const;
  bool planar() const { return context_.input == Layout::contiguous; }

  /// Where a row of outputs is computed, and what is added to it.
  struct Output {
    float* y;           ///< of the first channel
    int64_t y_channel;  ///< from one channel to the next
    kernels::Residual residual;
    float* to;                     ///< where it goes from there, or null
    int64_t channel, step, count;  ///< strides there; pixels
    int64_t channels;
  };
  /// Whether every row of outputs is computed where it belongs.
  bool in_place() const;
  /// Row h of an image, of the block of output channels from oc on. `aside` has room for aside_floats().
  Output output(const Columns& columns, int64_t image, int64_t h, int64_t oc, const Frame& frame, float* aside) const;
  /// Moves what was computed aside.
  void put(const Output& output) const;
  int64_t aside_floats() const { return outputs_ * widest_ * (context_.residual ? 2 : 1); }

 private:
  bool planar_output() const { return context_.output == Layout::contiguous || geometry_.out.C == 1; }
  int64_t line(int64_t w) const { return (w - cols_.begin) % col_step_ * part_ + (w - cols_.begin) / col_step_; }
  void pack_apart(const float* x, int64_t pixel, int64_t first, int64_t rows, float* window) const;
  /// The picture's own columns of `rows` rows of a channel of (N, C, H, W), as transpose_own().
  void copy_own(const float* x, int64_t first, int64_t rows, float* window) const;

  const ConvGeometry& geometry_;
  const kernels::Table& table_;
  const ConvContext& context_;
  InputRange cols_;
  int64_t col_step_, part_;  // columns of one residue lie side by side, so many of them
  int64_t row_;
  int64_t own_begin_ = 0, own_end_ = 0;
  std::vector<int64_t> sources_;  // of the window's columns: the picture's, or -1
  std::vector<Columns> columns_;
  int64_t outputs_, widest_ = 0;
};

}  // namespace upconv::internal
