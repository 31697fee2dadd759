#pragma once
// The inputs of Winograd's algorithm: packed into a panel, from where the windows of the tiles are transformed.
#include "../../arithmetic.h"
#include "tiles.h"

namespace upconv::internal {

class WinogradInputs {
 public:
  explicit WinogradInputs(const TiledConvolution& of) : of_(of) {}

  /// Floats of the panel of a work.
  int64_t panel_floats(const WinogradWork& work) const {
    return work.images.count() * of_.channel_blocks * panel_block(work);
  }
  /// The inputs of a box of tiles in all phases, with what lies around the picture: [image][block][row][column][16].
  void pack(const WinogradWork& work, const Frame& frame, float* panel) const;

  /// Floats, or words, of a point of the transformed inputs.
  int64_t point_floats(const WinogradWork& work) const {
    return ceil_div(of_.residues * of_.channel_blocks, of_.table.in_word()) * work.pitch();
  }
  /// v[point][tile][residue][ic] of the windows of row phase a and column phase b; where they share them, of all.
  void transform(const WinogradWork& work, size_t a, size_t b, const float* panel, float* v) const;
  /// v[part][residue and block of channels][point][tile of the part][ic], as kernels::LeanProducts has it.
  void transform_lean(const WinogradWork& work, size_t a, size_t b, const float* panel, float* v) const;

 private:
  int64_t panel_rows(const WinogradWork& work) const { return inputs_of(of_.rows, work.rows.count()); }
  int64_t panel_cols(const WinogradWork& work) const { return inputs_of(of_.cols, work.cols.count()); }
  /// How many inputs of an axis so many tiles read.
  int64_t inputs_of(const TiledAxis& axis, int64_t tiles) const;
  int64_t panel_block(const WinogradWork& work) const {
    return panel_rows(work) * panel_cols(work) * kernels::panel_lanes;
  }
  /// The inputs of row phase a and column phase b in the panel.
  const float* panel_of(const WinogradWork& work, size_t a, size_t b, const float* panel) const;

  /// A run of neighbouring tiles of one image: where its inputs lie from the panel of that image and block on, and
  /// where their points go.
  struct TileRun {
    int64_t row, col, tiles, block, residue;
  };
  void transform_run(const WinogradWork& work, const TileRun& run, const float* image, float* v, int64_t point) const;

  const TiledConvolution& of_;
};

}  // namespace upconv::internal
