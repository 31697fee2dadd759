#pragma once
// What matrix tiles read: a picture, or a part of it, as one run of lines in which the next position is the next line,
// in the next row and the next image too.
#include <optional>
#include <vector>

#include "../../kernels/tiles.h"
#include "../geometry.h"

namespace upconv::internal {

/// Floats of panels, all parts together, of weights that are multiplied with all of a panel before the next, and of
/// sums that are put aside: they share the 2 MB of L2 that processors with tiles have.
constexpr int64_t matrix_panel_budget = (1024 << 10) / 4, matrix_weights_budget = (512 << 10) / 4,
                  matrix_aside_budget = (256 << 10) / 4;

/// An axis of what is read. Inputs of one residue modulo the step from one position's inputs to the next's lie
/// together.
struct MatrixAxis {
  int64_t begin;  ///< the first input of position 0
  int64_t reach;  ///< inputs that position 0 reads, of all phases, and what lies between them
  int64_t step;
  int64_t count;   ///< positions of the longest phase
  int64_t shared;  ///< zeros behind the last input that are also those before the first one of the next row or image

  int64_t inputs(int64_t positions) const { return (positions - 1) * step + reach; }
  /// Lines of one residue that so many positions read.
  int64_t lines(int64_t positions) const;
  /// The same, but for what the next row or image shares.
  int64_t pitch(int64_t positions) const { return lines(positions) - (positions == count ? shared : 0); }
};

/// How many images, rows and columns of positions are multiplied together.
struct MatrixCut {
  int64_t images, rows, cols;
};

/// Where lines lie: [residue of the row][residue of the column][image][row][column], for a cut and those that are
/// smaller.
struct MatrixLines {
  MatrixLines(const MatrixAxis& rows, const MatrixAxis& cols, const MatrixCut& cut);
  /// From position (0, 0, 0) to that one, which all taps have in common.
  int64_t position(int64_t image, int64_t row, int64_t col) const {
    return (image * image_rows + row) * row_lines + col;
  }
  /// The line of an input that is so many rows and columns from the first that position (0, 0, 0) reads.
  int64_t input(int64_t row, int64_t col) const {
    return (row % row_step * col_step + col % col_step) * plane + row / row_step * row_lines + col / col_step;
  }
  int64_t row_step, col_step;
  int64_t row_lines, image_rows;
  int64_t plane;  ///< of one pair of residues
  int64_t all;    ///< what may be read: a tile of lines more than what is written
};

/// The positions of a work as tiles take them: all lines of the run one after another, those between two rows too, or
/// each row in tiles of its own where these are not more. A row of 64 columns lies in 65 lines, and has four tiles.
struct MatrixTiles {
  MatrixTiles(const MatrixLines& lines, int64_t images, int64_t rows, int64_t cols);
  bool by_rows;
  int64_t row_positions, image_rows;  ///< positions from one row to the next, and rows from one image to the next
  int64_t positions;                  ///< up to the last one that is used
};

/// The lines at which tiles begin, from one that begins at `position` to the next, without a division for each.
class MatrixTileLines {
 public:
  MatrixTileLines(const MatrixTiles& tiles, const MatrixLines& lines, int64_t position)
      : tiles_(tiles), lines_(lines), line_(position) {
    if (!tiles.by_rows) return;
    col_ = position % tiles.row_positions;
    row_ = position / tiles.row_positions % tiles.image_rows;
    image_ = position / tiles.row_positions / tiles.image_rows;
    line_ = lines.position(image_, row_, col_);
  }
  int64_t next() {
    const int64_t line = line_;
    line_ += kernels::tile_lines;
    if (tiles_.by_rows && (col_ += kernels::tile_lines) >= tiles_.row_positions) {
      col_ = 0;
      if (++row_ == tiles_.image_rows) {
        row_ = 0;
        ++image_;
      }
      line_ = lines_.position(image_, row_, 0);
    }
    return line;
  }

 private:
  const MatrixTiles& tiles_;
  const MatrixLines& lines_;
  int64_t line_, image_ = 0, row_ = 0, col_ = 0;
};

/// What a convolution is to matrix tiles.
struct MatrixPlan {
  MatrixAxis rows, cols;
  int64_t blocks;        ///< of 32 channels, of a group
  int64_t input_blocks;  ///< of the picture
  bool together;         ///< whether the outputs of all phases share a tile (TapOrder)
  int64_t taps;          ///< of all passes
};

/// The taps of a kernel in the order in which they are multiplied, pass by pass. A pass has the outputs of a phase; or
/// there is one, with all phases' outputs in one tile, of DCGAN's last layer four times red, green and blue: it has the
/// inputs of all phases, 9 in the place of 4 times 4, and weights of zero where a phase does not read one. So an input
/// that is infinite makes NaN of outputs beside those that read it, as in Winograd's schemes.
struct TapOrder {
  TapOrder(const ConvGeometry& geometry, bool together);
  struct Input {
    int64_t row, col;  ///< in the picture, of position (0, 0)
  };
  int64_t phases;               ///< of a pass
  std::vector<Input> inputs;    ///< that passes read, one after another
  std::vector<int64_t> taps;    ///< [input][phase] as they are counted among the weights, -1 where there is none
  std::vector<int64_t> firsts;  ///< of each pass, in `inputs`
  std::vector<int64_t> counts;
  std::vector<int64_t> lanes;  ///< of each phase's first output; the next one is `lane_step` further
  int64_t lane_step;

  /// Puts a phase's numbers for each output into their lanes.
  template <class From>
  void spread(const From* from, int64_t outputs, size_t phase, float* row) const {
    for (int64_t oc = 0; oc < outputs; ++oc) row[lanes[phase] + oc * lane_step] = from[oc];
  }
};

/// Nothing where the channels of a group do not begin a block of their own, or where far more would be read beside the
/// picture than in it.
std::optional<MatrixPlan> matrix_plan(const ConvGeometry& geometry, Layout output);

}  // namespace upconv::internal
