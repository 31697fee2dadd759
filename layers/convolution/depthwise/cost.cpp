#include "layers/convolution/depthwise/cost.h"

#include "layers/arithmetic.h"
#include "layers/convolution/depthwise/weights.h"

namespace upconv::internal {

std::optional<double> depthwise_cost(const ConvQuery& query) {
  const auto& [geometry, input, output, table, machine, accuracy, images, memory] = query;
  const int64_t C = geometry.in.C;
  if (!is_depthwise(geometry.groups, C, geometry.out.C)) return {};
  double products = 0;  // of a vector of channels
  for (const Phase& row : geometry.rows)
    for (const Phase& col : geometry.cols)
      for (const Segment& r : row.segments)
        for (const Segment& c : col.segments)
          products += static_cast<double>((r.end - r.begin) * (c.end - c.begin)) *
                      (static_cast<double>(r.taps.size() * c.taps.size()) + machine.depthwise_store);
  return products * static_cast<double>(ceil_div(C, table.width)) *
         (C < table.width ? machine.depthwise_part : machine.depthwise_product) * machine.vector_cycles;
}

}  // namespace upconv::internal
