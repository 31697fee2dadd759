#pragma once
// How a Winograd scheme fits a convolution: what the packed weights, the driver and the costs of winograd agree on.
#include <optional>
#include <string>
#include <vector>

#include "../geometry.h"

namespace upconv::internal {

/// F(m, T) with n = m + T - 1 points in each direction.
struct SchemeSize {
  int64_t m, T, n;
};
SchemeSize sizes_of(kernels::Scheme scheme);

/// What the tiles of a scheme are cut from, and when that wins.
enum class Windows {
  /// All phases together read the same window and share one input transform, but have a position more than inputs: 17
  /// where 16 would be 4 tiles of 4. For pictures of many tiles, and for few output channels, whose phases are merged.
  shared,
  /// Each phase by itself has those 16 positions, and a transform of its own. For pictures of few tiles.
  by_phase,
  /// The same, with weights that are transformed as they are multiplied: a layer reads no more of them than it has. For
  /// many channels and few pixels, and wherever additions have units of their own; see has_lean().
  lean
};
inline bool is_by_phase(Windows windows) { return windows != Windows::shared; }

/// A scheme and its windows.
struct Tiling {
  kernels::Scheme scheme;
  Windows windows = Windows::shared;
};
/// "F(3,2)".
std::string name_of(kernels::Scheme scheme);
/// The algorithm's name in programs: "winograd F(3,2)", "winograd F(4,2) by phase", "winograd F(4,2) lean".
std::string name_of(const Tiling& tiling);

/// What a tiling makes of one axis: every phase has the same number of tiles, of m positions each.
struct TiledAxis {
  /// Where a phase's first tile lies.
  struct Start {
    int64_t input;  ///< the first input that it reads; may lie outside of the picture
    int64_t index;  ///< its first position among the phase's; those below 0 do not exist
  };
  std::vector<Start> phases;
  int64_t tiles = 0;
  /// Where a convolution steps over inputs, those of each residue make a picture of their own, a tile's windows in them
  /// begin at neighbouring inputs, and their channels follow one another: a convolution of stride 1 with so many times
  /// the channels.
  int64_t in_step = 1, residues = 1;
  bool shared = true;                   ///< all phases start at the same input
  int64_t out_first = 0, out_step = 1;  ///< tile t of all phases makes the m * out_step outputs from
                                        ///< out_first + t * m * out_step on, as far as they exist
};

/// Nothing where a phase reads more than T inputs (of a residue) or T that are not neighbours, where the outputs of a
/// tile are not neighbours (some dilations), where an output has no input at all: it must be the bias alone, not that
/// plus a rounding error; or where the stride is more than Table::winograd_input's.
std::optional<TiledAxis> tiled_axis(const std::vector<Phase>& phases, const Tiling& tiling);

/// Where the first position of the first tile goes in a phase; may lie outside of the picture.
int64_t first_output(const TiledAxis& axis, const std::vector<Phase>& phases, size_t phase);

/// For every phase of an axis and each of its residues, the kernel's index of what position t of its window means, or
/// -1.
std::vector<std::vector<int64_t>> window_taps(const std::vector<Phase>& phases, const TiledAxis& axis, int64_t T);

/// The same as text, for keys of packed weights.
std::string axis_key(const std::vector<Phase>& phases, const Tiling& tiling);

/// Whether point i of G g is zero for every g that has no more taps than those of a window. `rounded`: of the scheme
/// for pairs of bfloat16.
bool zero_point(kernels::Scheme scheme, const std::vector<int64_t>& taps, int64_t i, bool rounded = false);

/// What the windows of a convolution mean to its kernel, for every pair of phases and every pair of residues of rows
/// and columns; columns are counted first.
class WindowTaps {
 public:
  WindowTaps(const ConvGeometry& geometry, const Tiling& tiling);
  int64_t phases() const { return row_phases_ * col_phases_; }
  int64_t residues() const { return row_residues_ * col_residues_; }
  /// The kernel's row, or column, at each position of the window, or -1.
  const std::vector<int64_t>& rows(int64_t phase, int64_t residue) const {
    return row_taps_[static_cast<size_t>(phase / col_phases_ * row_residues_ + residue / col_residues_)];
  }
  const std::vector<int64_t>& cols(int64_t phase, int64_t residue) const {
    return col_taps_[static_cast<size_t>(phase % col_phases_ * col_residues_ + residue % col_residues_)];
  }

 private:
  int64_t row_phases_, col_phases_, row_residues_, col_residues_;
  std::vector<std::vector<int64_t>> row_taps_, col_taps_;
};

/// For every phase and point, how many residues have to be multiplied: the weights of a point are zeros in a phase, and
/// in the last residues, that have fewer taps than the scheme. A phase of one tap needs no point at infinity, or at 0.
std::vector<int64_t> used_residues(const WindowTaps& windows, kernels::Scheme scheme, bool rounded);

/// How many tiles and vectors of outputs of a lean tiling are multiplied together, at most.
struct LeanCut {
  int64_t tiles, vectors;
};
/// For so many tiles and vectors in all. Two vectors share what is broadcast, where loads would not keep up with
/// multiply-adds that broadcast for themselves, and make their weights more often, for fewer tiles. No result depends
/// on it.
LeanCut lean_cut(const kernels::Table& table, kernels::Scheme scheme, int64_t tiles, int64_t vectors);

/// Whether a tiling's weights can be transformed as they are multiplied, and every one of them is of use: all phases,
/// and residues, have the four taps of the scheme.
bool has_lean(const ConvGeometry& geometry, const Tiling& tiling);

/// How output channels share vectors: phases of few channels lie side by side in one block.
struct Lanes {
  int64_t block;   ///< floats in a block
  bool merged;     ///< a block holds lanes of several phases, merged_lanes(); otherwise channels of one phase
  int64_t blocks;  ///< in all phases
};
Lanes lanes_of(const ConvGeometry& geometry, const kernels::Table& table, const Tiling& tiling);

/// What a lane of merged phases is: their numbers, and the output channel.
struct MergedLane {
  size_t row, col;
  int64_t oc;
  bool operator==(const MergedLane&) const = default;
};
/// All of them in their order: the column phases of a channel of a row phase side by side, and those as their outputs
/// are, so that neighbouring lanes go to neighbouring pixels.
std::vector<MergedLane> merged_lanes(const ConvGeometry& geometry, const Tiling& tiling);

/// Tiles that a thread transforms before it multiplies them, at most. Every transformed weight that streams past is
/// used for all of them: 4 * width bytes in so many / 2 cycles, at two multiply-adds a cycle. What they are made of and
/// become should fill no more than `bytes` of L2, but 16 tiles are worth more than that. All of a 1 MB L2 is better
/// than half of it: DCGAN at batch 16 by 3 to 5 %, 256-128 k4s2 64x64 by 1 to 6 (Zen 4).
int64_t most_tiles(const ConvGeometry& geometry, const kernels::Table& table, const Tiling& tiling, bool aside,
                   int64_t bytes);

}  // namespace upconv::internal
