#include "framework/module.h"

#include <cxxabi.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <ostream>
#include <typeinfo>

#include "framework/module_state.h"

namespace upconv {

using namespace internal;

namespace {

std::string indented(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '\n' ? std::string("\n  ") : std::string(1, c);
  return out;
}

}  // namespace

AnyModule::AnyModule() : state_(std::make_shared<State>()) {}
AnyModule::~AnyModule() = default;

AnyModule::State& AnyModule::state() const {
  if (!state_) fail("{}: this module was moved from: use the one that it was moved to", type_name());
  return *state_;
}

std::vector<std::pair<std::string, const AnyModule*>> AnyModule::named_modules() const {
  std::vector<std::pair<std::string, const AnyModule*>> all;
  std::set<const State*> seen;
  State::each_place("", *this, [&](const std::string& path, const AnyModule& module) {
    if (seen.insert(module.state_.get()).second) all.emplace_back(path, &module);
  });
  return all;
}

std::vector<std::pair<std::string, Parameter>> AnyModule::named(bool buffers) const {
  std::vector<std::pair<std::string, Parameter>> all;
  std::set<const void*> seen;
  for (const auto& [path, module] : named_modules())
    for (const State::Named& named : module->state().parameters)
      if (named.buffer == buffers && seen.insert(named.parameter.identity()).second)
        all.emplace_back(joined(path, named.name), named.parameter);
  return all;
}

std::vector<std::pair<std::string, Parameter>> AnyModule::named_parameters() const { return named(false); }
std::vector<std::pair<std::string, Parameter>> AnyModule::named_buffers() const { return named(true); }

Parameter AnyModule::parameter(const std::string& name) const {
  std::vector<std::string> names;
  std::optional<Parameter> found;
  State::each_place("", *this, [&](const std::string& path, const AnyModule& module) {
    for (const State::Named& named : module.state().parameters) {
      names.push_back(joined(path, named.name));
      if (names.back() == name) found = named.parameter;
    }
  });
  if (!found) fail("{} has no parameter \"{}\"; it has {}", type_name(), name, fmt::join(names, ", "));
  return *found;
}

std::vector<std::pair<std::string, std::shared_ptr<const AnyModule>>> AnyModule::named_children() const {
  return {state().children.begin(), state().children.end()};
}

void AnyModule::apply(const std::function<void(const AnyModule&)>& f) const {
  std::set<const State*> seen;  // PyTorch, too, takes a child that stands in two places once
  for (const auto& [name, child] : state().children)
    if (seen.insert(child->state_.get()).second) child->apply(f);
  f(*this);
}

void AnyModule::add_child(std::string name, std::shared_ptr<AnyModule> module) {
  if (!module) fail("{}: the child \"{}\" is a null pointer", type_name(), name);
  state().check_name("child", name, *this);
  state().children.emplace_back(std::move(name), std::move(module));
}

Parameter AnyModule::add_parameter(std::string name, Parameter parameter) {
  state().check_name("parameter", name, *this);
  state().parameters.push_back({std::move(name), parameter, false});
  return parameter;
}

Parameter AnyModule::add_buffer(std::string name, Parameter buffer) {
  state().check_name("buffer", name, *this);
  state().parameters.push_back({std::move(name), buffer, true});
  return buffer;
}

void AnyModule::remove(const std::string& name) {
  std::erase_if(state().children, [&](const State::Child& child) { return child.first == name; });
  std::erase_if(state().parameters, [&](const State::Named& named) { return named.name == name; });
}

size_t AnyModule::child_count() const { return state().children.size(); }

const std::shared_ptr<AnyModule>& AnyModule::shared_child_at(int64_t index) const {
  const auto count = static_cast<int64_t>(child_count());
  if (index < -count || index >= count) fail("{}: no child {} among {}", type_name(), index, count);
  return state().children[static_cast<size_t>(index < 0 ? index + count : index)].second;
}

AnyModule& AnyModule::child_named(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& [other, child] : state().children) {
    if (other == name) return *child;
    names.push_back(other);
  }
  fail("{} has no child \"{}\"; it has {}", type_name(), name, fmt::join(names, ", "));
}

std::string AnyModule::type_name() const {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> demangled(abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status),
                                                   std::free);
  std::string name = status == 0 ? demangled.get() : typeid(*this).name();
  const size_t colon = name.rfind(':');
  return colon == std::string::npos ? name : name.substr(colon + 1);
}

std::string AnyModule::str() const {
  const std::string extra = extra_repr();
  if (state().children.empty()) return fmt::format("{}({})", type_name(), extra);
  std::string out = type_name() + "(";
  if (!extra.empty()) out += "\n  " + indented(extra);
  for (const auto& [name, child] : state().children) out += fmt::format("\n  ({}): {}", name, indented(child->str()));
  return out + "\n)";
}

std::string AnyModule::list_str() const {
  const auto& children = state().children;
  std::string out = type_name() + "(";
  for (size_t first = 0, last; first < children.size(); first = last) {
    const std::string text = children[first].second->str();
    last = first + 1;
    while (last < children.size() && children[last].second->str() == text) ++last;
    const std::string label =
        last - first == 1 ? fmt::format("({}): ", first) : fmt::format("({}-{}): {} x ", first, last - 1, last - first);
    out += "\n  " + label + indented(text);
  }
  return out + (children.empty() ? ")" : "\n)");
}

std::ostream& operator<<(std::ostream& out, const AnyModule& module) { return out << module.str(); }

}  // namespace upconv
