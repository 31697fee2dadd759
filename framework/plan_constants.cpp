// The passes that compute now what does not depend on the inputs of the program.
#include "framework/constant.h"
#include "framework/plan.h"

namespace upconv::internal {
namespace {

/// Which nodes depend on nothing but constants.
std::vector<bool> known_nodes(Plan& plan) {
  std::vector<bool> known(plan.nodes.size());
  for (int node : plan.order) {
    const std::vector<int>& inputs = plan.at(node).inputs;
    known[static_cast<size_t>(node)] =
        plan.constant(node) || (!inputs.empty() && std::all_of(inputs.begin(), inputs.end(), [&](int input) {
          return known[static_cast<size_t>(input)];
        }));
  }
  return known;
}

}  // namespace

void evaluate(Plan& plan, const std::function<std::vector<Tensor>(const Graph&)>& compute) {
  const std::vector<bool> known = known_nodes(plan);
  const auto is_known = [&](int node) { return known[static_cast<size_t>(node)]; };
  std::vector<bool> wanted(plan.nodes.size());  // by what is not known
  for (int output : plan.outputs) wanted[static_cast<size_t>(output)] = true;
  for (int node : plan.order)
    if (!is_known(node))
      for (int input : plan.at(node).inputs) wanted[static_cast<size_t>(input)] = true;

  Graph graph;
  std::vector<Value> values(plan.nodes.size());
  std::vector<int> computed;
  for (int node : plan.order) {
    if (!is_known(node)) continue;
    Value& value = values[static_cast<size_t>(node)];
    if (const Parameter* parameter = plan.constant(node)) {
      value = graph.constant(*parameter);
      continue;
    }
    Values inputs;
    for (int input : plan.at(node).inputs) inputs.push_back(values[static_cast<size_t>(input)]);
    value = graph.apply(plan.at(node).operation, inputs);
    if (!wanted[static_cast<size_t>(node)]) continue;
    graph.output(value);
    computed.push_back(node);
  }
  if (computed.empty()) return;
  const std::vector<Tensor> results = compute(graph);
  for (size_t i = 0; i < computed.size(); ++i) {
    plan.at(computed[i]).operation = std::make_shared<ConstantOperation>(Parameter(results[i]));
    plan.at(computed[i]).inputs.clear();
  }
  drop_unread(plan);
}

void bind_constants(Plan& plan) {
  for (int node : std::vector<int>(plan.order)) {
    for (size_t i = 0; i < plan.at(node).inputs.size();) {
      Plan::Node& reader = plan.at(node);
      const Parameter* parameter = plan.constant(reader.inputs[i]);
      auto bound = parameter && reader.inputs.size() > 1
                       ? reader.operation->with_constant(plan.types(reader.inputs), i, *parameter)
                       : nullptr;
      if (!bound) {
        ++i;
        continue;
      }
      reader.operation = std::move(bound);
      reader.inputs.erase(reader.inputs.begin() + static_cast<std::ptrdiff_t>(i));
      i = 0;  // what was refused before may be welcome now
    }
  }
  drop_unread(plan);
}

}  // namespace upconv::internal
