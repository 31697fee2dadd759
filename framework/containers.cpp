#include "framework/containers.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/initial.h"

namespace upconv {

using namespace internal;

Sequential& Sequential::append(NamedModule module) {
  add_child(std::move(module.name), std::move(module.module));
  return *this;
}

Sequential Sequential::slice(int64_t start, std::optional<int64_t> stop) const {
  const auto count = static_cast<int64_t>(size());
  const auto bound = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + count : at, 0, count); };
  Sequential part;
  const auto children = named_children();
  for (int64_t i = bound(start); i < bound(stop.value_or(count)); ++i)
    part.add_child(children[static_cast<size_t>(i)].first, shared_child_at(i));
  return part;
}

Value Sequential::forward(Value x) const {
  for (size_t i = 0; i < size(); ++i) {
    const AnyModule& child = child_at(static_cast<int64_t>(i));
    const Values results = child(Values{x});
    if (results.size() != 1)
      fail("Sequential: child {}, {}, gives {} values, and the next one takes one", i, child.type_name(),
           results.size());
    x = results.front();
  }
  return x;
}

void Sequential::deal_initial_values() const {
  std::vector<Parameter> all;
  for (const auto& [name, parameter] : named_parameters()) all.push_back(parameter);
  deal_initial(all);
}

void Sequential::refuse(int64_t index) const {
  fail("Sequential: child {} is {}, not what at() was asked for", index, child_at(index).type_name());
}

Sequential sequential(std::initializer_list<NamedModule> modules) {
  Sequential all;
  for (const NamedModule& module : modules) all.append(module);
  return all;
}

}  // namespace upconv
