// The pass that decides which values lie in memory as bfloat16 between the layer that makes them and those that read
// them.
#include "framework/plan.h"

namespace upconv::internal {
namespace {

std::vector<Layout> layouts_of(Plan& plan, const std::vector<int>& nodes) {
  std::vector<Layout> all;
  for (int node : nodes) all.push_back(plan.at(node).layout);
  return all;
}

/// Whether all that read a value can read bfloat16, and round what they read anyway or lose nothing by it: what is
/// added to sums is not among that, nor what views show.
bool read_rounded(Plan& plan, int value, const std::function<const Options&(int)>& options, const Crew& crew) {
  for (int reader : plan.order) {
    const Plan::Node& node = plan.at(reader);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] != value) continue;
      if (node.is_residual(i) || node.operation->is_view()) return false;
      const NodeLowering of(plan, reader, options(reader), crew);
      if (!node.operation->reads_bfloat16(of.lowering(), i)) return false;
    }
  }
  return true;
}

}  // namespace

NodeLowering::NodeLowering(Plan& plan, int node, const Options& options, const Crew& crew, Batch batch)
    : types_(plan.types(plan.at(node).inputs)),
      layouts_(layouts_of(plan, plan.at(node).inputs)),
      lowering_{types_, layouts_, plan.at(node).type, plan.at(node).layout, options, crew} {
  if (batch == portion || plan.at(node).portions < 0) return;
  const int64_t portions = plan.count_of_portions(node);
  for (size_t i = 0; i < types_.size(); ++i)
    if (plan.at(plan.at(node).inputs[i]).portions >= 0) types_[i].shape.front() *= portions;
  lowering_.output.shape.front() *= portions;
}

void store_rounded(Plan& plan, const std::function<const Options&(int)>& options, const Crew& crew) {
  for (int value : plan.order) {
    Plan::Node& node = plan.at(value);
    if (!plan.computes(value)) continue;
    if (node.type.dtype != DType::float32 || std::count(plan.outputs.begin(), plan.outputs.end(), value) > 0) continue;
    {
      const NodeLowering of(plan, value, options(value), crew);
      if (!node.operation->stores_bfloat16(of.lowering())) continue;
    }
    if (read_rounded(plan, value, options, crew)) node.type.dtype = DType::bfloat16;
  }
}

}  // namespace upconv::internal
