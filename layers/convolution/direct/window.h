#pragma once
// What the direct kernel reads where rows fill its register tiles: whole rows of the input as one panel, or, of a
// picture of one row, a strip of it.
#include <optional>

#include "../geometry.h"
#include "../panel.h"

namespace upconv::internal {

/// Floats of a window, and of outputs that are put aside for transposing: a quarter of 1 MiB each.
constexpr int64_t window_budget = (256 << 10) / 4, aside_budget = (256 << 10) / 4;

/// Rows of the input with what lies beside them, that all phases of the columns share: whole, or the part that a strip
/// of neighbouring positions reads. Where outputs step over columns,
/// those of one residue lie side by side, so that the inputs of neighbouring outputs always do.
struct Window {
  int64_t strip;            ///< positions of the columns that a window serves
  int64_t col_begin, cols;  ///< columns of the input, those of the strip at position 0
  int64_t col_step, part;   ///< from one output's input to the next; columns of one residue
  int64_t row_step;         ///< the same of rows
  int64_t pitch, row;       ///< floats from one block of channels, and from one row, to the next
  int64_t row_begin;        ///< what position 0 of all row phases reads begins there
  int64_t halo;             ///< and has so many rows beyond one
  int64_t channel_blocks;   ///< lines of a pixel

  /// Where column w of the input lies among those of a row.
  int64_t line(int64_t w) const { return (w - col_begin) % col_step * part + (w - col_begin) / col_step; }
  /// How many rows of the input so many neighbouring rows of outputs read.
  int64_t rows(int64_t outputs) const { return (outputs - 1) * row_step + 1 + halo; }
  /// The first of them for the outputs of position `output`; may be above the picture.
  int64_t first(int64_t output) const { return row_begin + row_step * output; }
  /// Floats that so many rows of outputs need, and a row more where columns are brought together.
  int64_t floats(int64_t outputs) const { return (rows(outputs) + (col_step > 1 ? 1 : 0)) * row; }

  /// Packs `count` rows of the input from row `first` on, for the strip that begins at position `position`. Rows of
  /// zeros are not read by any tap, and left as they are. `spare`: a row.
  void pack(const PanelSource& source, int64_t image, int64_t first, int64_t count, int64_t position, float* panel,
            float* spare) const;

 private:
  void pack_row(const PanelSource& source, int64_t image, int64_t h, int64_t position, float* to, float* spare) const;
};

/// Nothing where rows do not fill a register tile, or where weights are not all finite, which zeros beside the rows
/// would turn into NaN: inputs are then gathered pixel by pixel. Strips are as long as their budget allows, and so
/// short that `threads` have several each.
std::optional<Window> window_of(const ConvGeometry& geometry, bool planar, bool finite, int threads,
                                const kernels::Table& table);

}  // namespace upconv::internal
