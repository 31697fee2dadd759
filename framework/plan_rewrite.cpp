// The passes that make of a graph one with fewer steps.
#include "framework/constant.h"
#include "framework/plan.h"

namespace upconv::internal {
namespace {

/// Lets producers absorb their only reader where `absorb(producer, reader)` gives an operation that equals both.
template <class Absorb>
void merge(Plan& plan, Absorb absorb) {
  for (int node : std::vector<int>(plan.order)) {
    Plan::Node& reader = plan.at(node);
    if (!reader.operation || reader.inputs.size() != 1) continue;
    const int producer = reader.inputs.front();
    if (!plan.at(producer).operation || plan.readers(producer) != 1) continue;
    if (auto merged = absorb(plan.at(producer), reader)) {
      plan.at(producer).operation = std::move(merged);
      plan.replace(node, producer);
    }
  }
}

/// The operation that equals `reader` after the operation of `before`, or nullptr.
std::shared_ptr<const Operation> after(const Operation& reader, const Operation& before, std::span<const Type> inputs) {
  if (const auto pad = before.pad()) return reader.after_pad(*pad);
  if (const auto repeat = before.repeat(inputs)) return reader.after_repeat(*repeat);
  return nullptr;
}

/// Gives operations with parameters of their own the form that has them as inputs, where what stands before or behind
/// them would make one function with that.
void unbind(Plan& plan) {
  for (int node : std::vector<int>(plan.order)) {
    if (!plan.at(node).operation || plan.at(node).inputs.size() != 1) continue;
    const int producer = plan.at(node).inputs.front();
    const Type &type = plan.at(node).type, &input = plan.at(producer).type;
    const std::optional<Unbound> unbound = plan.at(node).operation->unbound(input);
    if (!unbound) continue;
    const size_t first = 0;
    bool joins = plan.at(producer).operation && plan.readers(producer) == 1 &&
                 unbound->operation->with_producer({&first, 1}, *plan.at(producer).operation, input, type);
    for (int reader : plan.order) {
      const std::vector<int>& inputs = plan.at(reader).inputs;
      const size_t i = static_cast<size_t>(std::find(inputs.begin(), inputs.end(), node) - inputs.begin());
      if (i < inputs.size() && plan.readers(node) == 1)
        joins |= plan.at(reader).operation->with_producer({&i, 1}, *unbound->operation, type, plan.at(reader).type) !=
                 nullptr;
    }
    if (!joins) continue;
    plan.at(node).operation = unbound->operation;
    for (const Tensor& parameter : unbound->parameters) {
      Plan::Node constant;
      constant.operation = std::make_shared<ConstantOperation>(Parameter(parameter));
      constant.type = {parameter.shape(), parameter.dtype()};
      plan.at(node).inputs.push_back(static_cast<int>(plan.nodes.size()));
      plan.order.insert(std::find(plan.order.begin(), plan.order.end(), node), static_cast<int>(plan.nodes.size()));
      plan.nodes.push_back(std::move(constant));
    }
  }
}

}  // namespace

Plan plan_of(const Graph& graph) {
  Plan plan;
  for (const Graph::Node& node : graph.nodes()) plan.nodes.push_back({node});
  plan.inputs = graph.inputs();
  plan.outputs = graph.outputs();
  return plan;
}

void prune(Plan& plan) {
  std::vector<bool> needed(plan.nodes.size());
  for (int output : plan.outputs) needed[static_cast<size_t>(output)] = true;
  for (int node = static_cast<int>(plan.nodes.size()) - 1; node >= 0; --node) {
    plan.at(node).alive = needed[static_cast<size_t>(node)] || !plan.at(node).operation;
    if (needed[static_cast<size_t>(node)])
      for (int input : plan.at(node).inputs) needed[static_cast<size_t>(input)] = true;
  }
  for (int node = 0; node < static_cast<int>(plan.nodes.size()); ++node)
    if (plan.at(node).alive) plan.order.push_back(node);
}

void drop_unread(Plan& plan) {
  for (auto node = plan.order.size(); node-- > 0;) {
    const int index = plan.order[node];
    if (plan.at(index).operation && plan.readers(index) == 0) plan.remove(index);
  }
}

void absorb(Plan& plan) {
  for (int index : std::vector<int>(plan.order)) {
    Plan::Node& reader = plan.at(index);
    while (reader.operation && reader.inputs.size() == 1) {
      const int before = reader.inputs.front();
      if (!plan.at(before).operation || plan.at(before).inputs.size() != 1) break;
      const Type& input = plan.at(plan.at(before).inputs.front()).type;
      if (numel(input.shape) == 0) break;  // pads make pictures of nothing, which their readers would refuse
      auto merged = after(*reader.operation, *plan.at(before).operation, std::span(&input, 1));
      if (!merged) break;
      reader.operation = std::move(merged);
      reader.inputs = plan.at(before).inputs;
      if (plan.readers(before) > 0) continue;
      plan.at(before).alive = false;
      std::erase(plan.order, before);
    }
  }
}

void fold(Plan& plan) {
  merge(plan, [](const Plan::Node& producer, const Plan::Node& reader) -> std::shared_ptr<const Operation> {
    std::optional<ChannelAffine> affine = reader.operation->channel_affine();
    if (!affine) return nullptr;
    if (affine->scale.size() == 1) {
      if (reader.type.shape.size() != 4) return nullptr;  // which dimension the channels are in, is not said
      affine->scale.resize(static_cast<size_t>(reader.type.shape[1]), affine->scale[0]);
      affine->shift.resize(affine->scale.size(), affine->shift[0]);
    }
    return producer.operation->with_affine(*affine);
  });
}

void modulate(Plan& plan) {
  for (int node : std::vector<int>(plan.order)) {
    if (!plan.at(node).operation) continue;
    const auto modulation = plan.at(node).operation->modulation(plan.types(plan.at(node).inputs));
    if (!modulation) continue;
    const int numbers = plan.at(node).inputs[modulation->operand],
              producer = plan.at(node).inputs[1 - modulation->operand];
    const auto modulated = plan.at(producer).operation && plan.readers(producer) == 1
                               ? plan.at(producer).operation->with_modulation(modulation->product)
                               : std::nullopt;
    if (!modulated) continue;
    const auto& [input, operation] = *modulated;
    Plan::Node between;
    between.operation = operation;
    between.inputs = {plan.at(producer).inputs[input], numbers};
    between.type = operation->infer(plan.types(between.inputs));
    between.path = plan.at(node).path;
    // The producer moves to where the numbers are known.
    plan.at(node).operation = plan.at(producer).operation;
    plan.at(node).inputs = plan.at(producer).inputs;
    plan.at(node).inputs[input] = static_cast<int>(plan.nodes.size());
    plan.at(node).path = plan.at(producer).path;
    plan.remove(producer);
    plan.order.insert(std::find(plan.order.begin(), plan.order.end(), node), static_cast<int>(plan.nodes.size()));
    plan.nodes.push_back(std::move(between));
  }
}

void add_residuals(Plan& plan) {
  for (int node : std::vector<int>(plan.order)) {
    Plan::Node& sum = plan.at(node);
    if (!sum.operation || !sum.operation->is_sum()) continue;
    std::vector<int> terms = sum.inputs;
    std::sort(terms.rbegin(), terms.rend());
    for (size_t i = 0; i < terms.size(); ++i) {
      const Plan::Node& term = plan.at(terms[i]);
      if (!term.operation || term.residual || term.type != sum.type || plan.readers(terms[i]) != 1) continue;
      const int other = terms[1 - i];
      auto merged = plan.at(other).type == sum.type ? term.operation->with_residual() : nullptr;
      if (!merged) continue;
      sum.operation = std::move(merged);
      sum.inputs = term.inputs;
      sum.inputs.push_back(other);
      sum.path = term.path;
      sum.residual = true;
      plan.remove(terms[i]);
      break;
    }
  }
}

void fuse(Plan& plan) {
  merge(plan, [](const Plan::Node& producer, const Plan::Node& reader) -> std::shared_ptr<const Operation> {
    const auto pointwise = reader.operation->pointwise();
    return pointwise ? producer.operation->with_pointwise(*pointwise) : nullptr;
  });
}

void chain(Plan& plan) {
  unbind(plan);
  for (int node : std::vector<int>(plan.order)) {
    for (size_t i = 0; i < plan.at(node).inputs.size();) {
      Plan::Node& reader = plan.at(node);
      const int producer = reader.inputs[i];
      std::vector<size_t> same;
      for (size_t input = 0; input < reader.inputs.size(); ++input)
        if (reader.inputs[input] == producer) same.push_back(input);
      const bool alone = plan.readers(producer) == static_cast<int64_t>(same.size());
      auto merged =
          reader.operation && plan.at(producer).operation && alone
              ? reader.operation->with_producer(same, *plan.at(producer).operation, plan.at(producer).type, reader.type)
              : nullptr;
      if (!merged) {
        ++i;
        continue;
      }
      reader.operation = std::move(merged);
      reader.residual = false;
      std::erase(reader.inputs, producer);
      reader.inputs.insert(reader.inputs.end(), plan.at(producer).inputs.begin(), plan.at(producer).inputs.end());
      plan.remove(producer);
      i = 0;
    }
  }
}

void part(Plan& plan) {
  for (int node : std::vector<int>(plan.order)) {
    if (!plan.at(node).operation) continue;
    for (size_t input = 0; input < plan.at(node).inputs.size(); ++input) {
      Plan::Node& reader = plan.at(node);
      const int whole = reader.inputs[input];
      if (reader.is_residual(input) || !plan.at(whole).operation || !plan.at(whole).operation->is_concatenation())
        continue;
      const std::vector<int> parts = plan.at(whole).inputs;
      std::vector<Type> types;
      for (int part : parts) types.push_back(plan.at(part).type);
      auto merged = reader.operation->with_parts(input, types);
      if (!merged) continue;
      reader.operation = std::move(merged);
      const auto at = reader.inputs.erase(reader.inputs.begin() + static_cast<std::ptrdiff_t>(input));
      reader.inputs.insert(at, parts.begin(), parts.end());
      input += parts.size() - 1;
      if (plan.readers(whole) == 0) plan.remove(whole);
    }
  }
}

}  // namespace upconv::internal
