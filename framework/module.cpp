#include "framework/module.h"

#include <cxxabi.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <list>
#include <mutex>
#include <optional>
#include <ostream>
#include <set>
#include <typeinfo>

#include "framework/compile.h"
#include "framework/fail.h"
#include "framework/program.h"
#include "framework/weights/bytes.h"
#include "framework/weights/fold.h"
#include "framework/weights/names.h"

namespace upconv {

using namespace internal;

namespace {

/// One compiled shape of a module.
struct CachedProgram {
  std::string key;
  std::vector<Type> inputs;
  uint64_t version;
  Program program;
};

/// Few, because a module usually meets few shapes; a changed one costs a compilation, not a repacking.
constexpr size_t max_programs = 8;

std::vector<Type> types_of(const std::vector<Tensor>& tensors) {
  std::vector<Type> types;
  for (const Tensor& tensor : tensors) types.push_back({tensor.shape(), tensor.dtype()});
  return types;
}

std::string indented(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '\n' ? std::string("\n  ") : std::string(1, c);
  return out;
}

}  // namespace

struct Module::State {
  using Child = std::pair<std::string, std::shared_ptr<const Module>>;
  struct Named {
    std::string name;
    Parameter parameter;
    bool buffer;
  };
  std::vector<Child> children;
  std::vector<Named> parameters;
  uint64_t additions = 0;  // of children and parameters, none of which ever leaves
  Options options;
  std::mutex mutex;                   // guards programs
  std::list<CachedProgram> programs;  // most recently used first
};

/// While it lives, nodes are written under the path of `module`.
class Module::Scope {
 public:
  Scope(Graph& graph, const Module& module) : graph_(graph) {
    if (const Module* parent = current(); parent && parent != &module) {
      for (const auto& [path, descendant] : parent->named_modules())
        if (descendant->state_ == module.state_ && !path.empty()) {
          graph_.scope_.push_back(path);
          named_ = true;
        }
    }
    outer_ = std::exchange(current(), &module);
  }
  ~Scope() {
    if (named_) graph_.scope_.pop_back();
    current() = outer_;
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  static const Module*& current() {
    static thread_local const Module* module = nullptr;
    return module;
  }
  Graph& graph_;
  const Module* outer_ = nullptr;
  bool named_ = false;
};

Module::Module() : state_(std::make_shared<State>()) {}
Module::~Module() = default;

Value Module::forward(Value) const { fail("{}: forward(Value) is not defined", type_name()); }

Values Module::forward(Values xs) const {
  if (xs.size() != 1) fail("{}: forward takes one value, got {}", type_name(), xs.size());
  return {forward(xs.front())};
}

Value Module::scoped(Graph& graph, const std::function<Value()>& write) const {
  Scope scope(graph, *this);
  return write();
}

Value Module::operator()(Value x) const {
  return scoped(x.graph(), [&] { return forward(x); });
}

Values Module::operator()(const Values& xs) const {
  if (xs.empty()) return forward(xs);
  Scope scope(xs.front().graph(), *this);
  return forward(xs);
}

Tensor Module::operator()(const Tensor& x) const {
  std::vector<Tensor> ys = (*this)(std::vector<Tensor>{x});
  if (ys.size() != 1) fail("{}: forward gives {} values: call it with a vector of tensors", type_name(), ys.size());
  return ys.front();
}

std::vector<Tensor> Module::operator()(const std::vector<Tensor>& xs) const {
  return run(xs, "", [this](const Values& values) { return (*this)(values); });
}

std::vector<Tensor> Module::run(const std::vector<Tensor>& xs, const std::string& key,
                                const std::function<Values(const Values&)>& forward) const {
  const std::vector<Type> inputs = types_of(xs);
  uint64_t version = 0;  // of numbers that only grow, so an equal sum means that nothing changed
  for (const auto& [name, module] : named_modules()) {
    version += module->state_->additions;
    for (const State::Named& named : module->state_->parameters) version += named.parameter.version();
  }

  std::unique_lock lock(state_->mutex);
  auto& programs = state_->programs;
  auto found = std::find_if(programs.begin(), programs.end(), [&](const CachedProgram& cached) {
    return cached.version == version && cached.key == key && cached.inputs == inputs;
  });
  if (found == programs.end()) {
    programs.remove_if([&](const CachedProgram& cached) { return cached.version != version; });
    Graph graph;
    Values values;
    for (const Type& type : inputs) values.push_back(graph.input(type));
    for (const Value& value : forward(values)) graph.output(value);
    programs.push_front({key, inputs, version, compile(graph, state_->options)});
    if (programs.size() > max_programs) programs.pop_back();
  } else {
    programs.splice(programs.begin(), programs, found);
  }
  const Program program = programs.front().program;
  lock.unlock();
  return program(xs);
}

void Module::set_options(const Options& options) {
  std::lock_guard lock(state_->mutex);
  state_->options = options;
  state_->programs.clear();
}

/// What of a state dict goes where in a module, and what does not.
struct Module::Matching {
  std::vector<std::pair<Parameter, Stored>> found;
  std::vector<std::string> missing, unexpected, misshapen;
  std::set<std::string> known;

  /// Looks for the values of one parameter or buffer, or for the factors that they are to be computed of.
  void match(const StateDict& state_dict, const std::string& name, const Parameter& parameter, int64_t output_dim);
  void check(const std::string& name, const Parameter& parameter, const Stored& stored);
};

void Module::Matching::match(const StateDict& state_dict, const std::string& name, const Parameter& parameter,
                             int64_t output_dim) {
  known.insert(name);
  if (const Stored* stored = state_dict.find(name)) {
    for (std::string& stale : stale_factors(state_dict, name)) known.insert(std::move(stale));
    return check(name, parameter, *stored);
  }
  const std::optional<Factors> factors = find_factors(state_dict, name);
  if (!factors) return missing.push_back(name);
  known.insert(factors->names.begin(), factors->names.end());
  try {
    check(name, parameter, fold(state_dict, *factors, parameter.shape(), output_dim));
  } catch (const Error& error) {
    misshapen.push_back(error.what());
  }
}

void Module::Matching::check(const std::string& name, const Parameter& parameter, const Stored& stored) {
  const bool floats = parameter.dtype() == DType::float32;
  if (stored.shape != parameter.shape()) {
    misshapen.push_back(
        fmt::format("{} (expected {}, got {})", name, upconv::str(parameter.shape()), upconv::str(stored.shape)));
  } else if (floats != is_floating(stored.dtype)) {
    misshapen.push_back(fmt::format("{} (expected {}, got {})", name, floats ? "floating point" : "integers",
                                    upconv::name(stored.dtype)));
  } else {
    found.emplace_back(parameter, stored);
  }
}

void Module::load(const std::filesystem::path& path, const LoadOptions& options) {
  load_state_dict(upconv::load_state_dict(path, options), options.strict);
}

void Module::load(std::span<const std::byte> bytes, const LoadOptions& options) {
  load_state_dict(upconv::load_state_dict(bytes, "weights in memory", nullptr, options), options.strict);
}

void Module::load_state_dict(const StateDict& state_dict, bool strict) {
  Matching matching;
  for (const bool buffers : {false, true})
    for (const auto& [path, module] : named_modules())
      for (const State::Named& named : module->state_->parameters)
        if (named.buffer == buffers)
          matching.match(state_dict, path.empty() ? named.name : path + "." + named.name, named.parameter,
                         module->output_dim());
  for (const auto& [name, stored] : state_dict)
    if (!matching.known.contains(name)) matching.unexpected.push_back(printable(name));

  std::string problems;
  auto report = [&](const char* what, const std::vector<std::string>& names) {
    constexpr size_t shown = 12;  // of what may be hundreds, where it is another network's file
    if (names.empty()) return;
    problems += fmt::format("\n  {}: {}", what, fmt::join(std::span(names).first(std::min(shown, names.size())), ", "));
    if (names.size() > shown) problems += fmt::format(" and {} more", names.size() - shown);
  };
  if (strict) report("missing", matching.missing);
  if (strict) report("unexpected", matching.unexpected);
  report("misshapen", matching.misshapen);
  if (!problems.empty()) {
    const std::string advice = strict ? naming_advice(state_dict, matching.missing) : "";
    fail("the weights do not fit {}:{}{}{}", type_name(), problems, advice.empty() ? "" : "\n", advice);
  }
  for (auto& [parameter, stored] : matching.found) parameter.set(std::move(stored));
}

StateDict Module::state_dict() const {
  StateDict all;
  for (const auto& [path, module] : named_modules())
    for (const State::Named& named : module->state_->parameters)
      if (named.parameter.has_value())
        all.add(path.empty() ? named.name : path + "." + named.name, named.parameter.stored());
  return all;
}

std::vector<std::pair<std::string, const Module*>> Module::named_modules() const {
  std::vector<std::pair<std::string, const Module*>> all;
  std::set<const State*> seen;
  std::function<void(const std::string&, const Module&)> visit = [&](const std::string& path, const Module& module) {
    if (!seen.insert(module.state_.get()).second) return;
    all.emplace_back(path, &module);
    for (const auto& [name, child] : module.state_->children) visit(path.empty() ? name : path + "." + name, *child);
  };
  visit("", *this);
  return all;
}

std::vector<std::pair<std::string, Parameter>> Module::named_parameters() const {
  std::vector<std::pair<std::string, Parameter>> all;
  for (const auto& [path, module] : named_modules())
    for (const State::Named& named : module->state_->parameters)
      if (!named.buffer) all.emplace_back(path.empty() ? named.name : path + "." + named.name, named.parameter);
  return all;
}

std::vector<std::pair<std::string, Parameter>> Module::named_buffers() const {
  std::vector<std::pair<std::string, Parameter>> all;
  for (const auto& [path, module] : named_modules())
    for (const State::Named& named : module->state_->parameters)
      if (named.buffer) all.emplace_back(path.empty() ? named.name : path + "." + named.name, named.parameter);
  return all;
}

Parameter Module::parameter(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& list : {named_parameters(), named_buffers()})
    for (const auto& [full, parameter] : list) {
      if (full == name) return parameter;
      names.push_back(full);
    }
  fail("{} has no parameter \"{}\"; it has {}", type_name(), name, fmt::join(names, ", "));
}

std::vector<std::pair<std::string, std::shared_ptr<const Module>>> Module::named_children() const {
  return state_->children;
}

void Module::add_child(std::string name, std::shared_ptr<const Module> module) {
  if (name.empty() || name.find('.') != std::string::npos)
    fail("{}: a child's name must not be empty or contain a dot, got \"{}\"", type_name(), name);
  for (const auto& [other, child] : state_->children)
    if (other == name) fail("{} has a child \"{}\" already", type_name(), name);
  state_->children.emplace_back(std::move(name), std::move(module));
  ++state_->additions;
}

Parameter Module::add_parameter(std::string name, Parameter parameter) {
  state_->parameters.push_back({std::move(name), parameter, false});
  ++state_->additions;
  return parameter;
}

Parameter Module::add_buffer(std::string name, Parameter buffer) {
  state_->parameters.push_back({std::move(name), buffer, true});
  ++state_->additions;
  return buffer;
}

std::string Module::type_name() const {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> demangled(abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status),
                                                   std::free);
  std::string name = status == 0 ? demangled.get() : typeid(*this).name();
  const size_t colon = name.rfind(':');
  return colon == std::string::npos ? name : name.substr(colon + 1);
}

std::string Module::str() const {
  if (state_->children.empty()) return fmt::format("{}({})", type_name(), extra_repr());
  std::string out = type_name() + "(";
  for (const auto& [name, child] : state_->children) out += fmt::format("\n  ({}): {}", name, indented(child->str()));
  return out + "\n)";
}

std::ostream& operator<<(std::ostream& out, const Module& module) { return out << module.str(); }

Sequential& Sequential::append(std::shared_ptr<const Module> module) {
  add_child(std::to_string(size()), std::move(module));
  return *this;
}

Sequential& Sequential::append(NamedModule module) {
  add_child(std::move(module.name), std::move(module.module));
  return *this;
}

Value Sequential::forward(Value x) const {
  for (const auto& [name, child] : named_children()) x = (*child)(x);
  return x;
}

Sequential sequential(std::initializer_list<NamedModule> modules) {
  Sequential all;
  for (const NamedModule& module : modules) all.append(module);
  return all;
}

}  // namespace upconv
