#include "layers/convolution/matrix/cost.h"

#include <cmath>

#include "layers/arithmetic.h"
#include "layers/convolution/matrix/plan.h"
#include "layers/kernels/tiles.h"

namespace upconv::internal {
namespace {

/// Three products for one err more than `standard` allows, six less than direct sums.
bool is_allowed(Accuracy accuracy, int32_t parts) {
  return accuracy == Accuracy::fast || (accuracy == Accuracy::standard && parts != 2);
}

}  // namespace

// Tiles of positions are whole, whatever lies in their lines: the next row, the border between two rows, nothing. What
// is lost there is counted as if it were used.
std::optional<double> matrix_cost(const ConvQuery& query, int32_t parts) {
  const auto& [geometry, input, output, table, machine, accuracy, images, memory] = query;
  if (!kernels::tile_kernels(table.isa) || (parts == 1) != (table.pairs != nullptr)) return {};
  if (!is_allowed(accuracy, parts)) return {};
  const std::optional<MatrixPlan> plan = matrix_plan(geometry, output);
  if (!plan) return {};

  const double positions = static_cast<double>(plan->rows.pitch(plan->rows.count) * plan->cols.pitch(plan->cols.count));
  const double tiles = std::ceil(images * positions / kernels::tile_lines) / images;
  const double blocks_of_positions = std::ceil(images * positions / (2 * kernels::tile_lines)) / images;
  const int64_t OC = geometry.out.C / geometry.groups;
  const auto groups = static_cast<double>(geometry.groups);
  const double outputs = groups * static_cast<double>(ceil_div(OC, kernels::tile_lanes));
  const double blocks_of_outputs = groups * static_cast<double>(ceil_div(OC, 2 * kernels::tile_lanes));

  // Of positions a pair of tiles is loaded for each part; of weights for all that stand beside it, but where the last
  // one stays.
  const double loads_of_positions = parts, loads_of_weights = parts == 1 ? 1 : parts == 2 ? 2 : 5;
  const auto steps = static_cast<double>(plan->taps * plan->blocks);
  const double products = steps * tiles * outputs * static_cast<double>(kernels::products_of(parts));
  const double loads =
      steps * (tiles * blocks_of_outputs * loads_of_positions + outputs * blocks_of_positions * loads_of_weights);
  const double weights = steps * outputs * kernels::tile_words * 4 * parts;
  const double inputs = static_cast<double>(plan->rows.inputs(plan->rows.count) * plan->cols.inputs(plan->cols.count) *
                                            geometry.in.C * parts);
  const double stored = static_cast<double>(geometry.out.H * geometry.out.W * geometry.out.C);
  return machine.overlapped(products * machine.matrix_product + loads * machine.matrix_load,
                            machine.stream(weights, false) / images, false) +
         inputs * machine.matrix_in + stored * machine.matrix_out;
}

}  // namespace upconv::internal
