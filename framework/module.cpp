#include "framework/module.h"

#include <cxxabi.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <ostream>
#include <set>
#include <typeinfo>

#include "framework/compile.h"
#include "framework/fail.h"
#include "framework/program.h"
#include "framework/weights/bytes.h"
#include "framework/weights/fold.h"
#include "framework/weights/names.h"
#include "framework/writing.h"

namespace upconv {

using namespace internal;

namespace {

/// A graph that forward() wrote, whose operations stay alive so that no other one gets their addresses, and what it
/// compiled to.
struct CachedProgram {
  std::shared_ptr<const Graph> graph;
  Fingerprint print;
  Program program;
};

/// Few, because a module usually meets few shapes; a changed one costs a compilation, not a repacking.
constexpr size_t max_programs = 8;

std::string indented(const std::string& text) {
  std::string out;
  for (char c : text) out += c == '\n' ? std::string("\n  ") : std::string(1, c);
  return out;
}

std::string joined(const std::string& path, const std::string& name) {
  return path.empty() || name.empty() ? path + name : path + "." + name;
}

/// For messages: "main.3: ", or nothing at the root.
std::string at(const std::string& path) { return path.empty() ? "" : path + ": "; }

/// Whether two handles' values are the same, however they were saved.
bool same_values(const Stored& a, const Stored& b) {
  if (a.bytes.data() == b.bytes.data() && a.dtype == b.dtype) return true;
  const Tensor x = a.to_tensor(), y = b.to_tensor();
  return x.dtype() == y.dtype() &&
         std::memcmp(x.bytes(), y.bytes(), static_cast<size_t>(x.numel()) * size_of(x.dtype())) == 0;
}

}  // namespace

struct AnyModule::State {
  using Child = std::pair<std::string, std::shared_ptr<AnyModule>>;
  struct Named {
    std::string name;
    Parameter parameter;
    bool buffer;
  };
  std::vector<Child> children;
  std::vector<Named> parameters;
  Options options;
  std::mutex mutex;                   // guards programs and options
  std::list<CachedProgram> programs;  // most recently used first

  /// Throws Error where a child or a parameter cannot have this name.
  void check_name(const char* what, const std::string& name, const AnyModule& module) const {
    if (name.empty() || name.find('.') != std::string::npos)
      fail("{}: a {}'s name must not be empty or contain a dot, got \"{}\"", module.type_name(), what, name);
    for (const auto& [other, child] : children)
      if (other == name) fail("{} has a child \"{}\" already", module.type_name(), name);
    for (const Named& other : parameters)
      if (other.name == name)
        fail("{} has a {} \"{}\" already", module.type_name(), other.buffer ? "buffer" : "parameter", name);
  }

  /// Calls f(path, module) for a module and all below it, as often as they stand there.
  template <class F>
  static void each_place(const std::string& path, const AnyModule& module, F f, std::vector<const State*> above = {}) {
    const State& state = module.state();
    if (std::find(above.begin(), above.end(), &state) != above.end()) return;  // a module inside itself
    f(path, module);
    above.push_back(&state);
    for (const auto& [name, child] : state.children) each_place(joined(path, name), *child, f, above);
  }

  /// The module of that state among those below this one, and its path; nearer ones first.
  const AnyModule* find(const State* wanted, std::string& path, std::set<const State*>& seen) const {
    for (const auto& [name, child] : children)
      if (child->state_.get() == wanted) {
        path = joined(path, name);
        return child.get();
      }
    for (const auto& [name, child] : children) {
      if (!seen.insert(child->state_.get()).second) continue;
      std::string below = joined(path, name);
      if (const AnyModule* found = child->state().find(wanted, below, seen)) {
        path = below;
        return found;
      }
    }
    return nullptr;
  }
};

/// While it lives, nodes are written under the path of `module`.
class AnyModule::Scope {
 public:
  Scope(Graph& graph, const AnyModule& module)
      : writing_(graph), graph_(graph), module_(module), outer_path_(graph.path_), outer_(current()) {
    module.state();  // throws for one that was moved from
    if (outer_ && &outer_->graph_ == &graph && outer_->module_.state_ != module.state_) enter();
    path_ = graph.path_;
    current() = this;
  }
  ~Scope() {
    graph_.path_ = outer_path_;
    current() = outer_;
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  static const Scope*& current() {
    static thread_local const Scope* scope = nullptr;
    return scope;
  }

  /// Finds the module below those whose forward() runs, the innermost first.
  void enter() {
    for (const Scope* scope = outer_; scope && &scope->graph_ == &graph_; scope = scope->outer_) {
      std::string path = scope->path_;
      std::set<const State*> seen;
      const AnyModule* child = scope->module_.state().find(module_.state_.get(), path, seen);
      if (!child) continue;
      if (child != &module_) check_copy(path, *child);
      graph_.path_ = path;
      return;
    }
    check_stranger();
  }

  /// What is printed is what computes, or an Error.
  void check_copy(const std::string& path, const AnyModule& child) const {
    if (module_.type_name() == child.type_name() && module_.extra_repr() == child.extra_repr()) return;
    fail(
        "{}forward() calls a copy of this child that was changed: the child is {}({}), the copy {}({}): hold what "
        "child() returns by reference",
        at(path), child.type_name(), child.extra_repr(), module_.type_name(), module_.extra_repr());
  }

  /// A module that is nobody's child may be called if its parameters were set: they are not those of a file.
  void check_stranger() const {
    for (const auto& [name, parameter] : module_.named_parameters())
      if (parameter.is_initial())
        fail(
            "{}forward() calls {}, whose parameter \"{}\" nobody has set, and which is not a child of {}: did you "
            "forget child()?",
            at(outer_path_), module_.type_name(), name, outer_->module_.type_name());
  }

  Writing writing_;
  Graph& graph_;
  const AnyModule& module_;
  std::string outer_path_, path_;
  const Scope* outer_;
};

AnyModule::AnyModule() : state_(std::make_shared<State>()) {}
AnyModule::~AnyModule() = default;

AnyModule::State& AnyModule::state() const {
  if (!state_) fail("{}: this module was moved from: use the one that it was moved to", type_name());
  return *state_;
}

Values AnyModule::forward_all(const Values&) const { fail("{} has no forward() of values", type_name()); }

void AnyModule::check_count(size_t expected, size_t got) const {
  const Graph* graph = Writing::current();
  if (got != expected)
    fail("{}{}: forward takes {} value{}, got {}", at(graph ? graph->path() : ""), type_name(), expected,
         expected == 1 ? "" : "s", got);
}

void AnyModule::scoped(std::span<const Value> xs, const std::function<void()>& write) const {
  Graph* graph = xs.empty() ? Writing::current() : &xs.front().graph();
  if (!graph) fail("{}: called without values outside of any forward()", type_name());
  Scope scope(*graph, *this);
  write();
}

Values AnyModule::operator()(const Values& xs) const {
  Values results;
  scoped(xs, [&] { results = forward_all(xs); });
  return results;
}

Value AnyModule::operator()(const Value& x) const {
  const Values results = (*this)(Values{x});
  check_single(results.size());
  return results.front();
}

std::vector<Tensor> AnyModule::operator()(const std::vector<Tensor>& xs) const {
  return run(xs, [this](const Values& values) { return (*this)(values); });
}

Tensor AnyModule::operator()(const Tensor& x) const {
  std::vector<Tensor> results = (*this)(std::vector<Tensor>{x});
  check_single(results.size());
  return std::move(results.front());
}

void AnyModule::check_single(size_t results) const {
  if (results != 1) fail("{}: forward gives {} values: call it with a vector", type_name(), results);
}

/// Throws Error where a parameter that was written down has no values.
void AnyModule::check_parameters(const Fingerprint& print) const {
  for (const Parameter& parameter : print.parameters()) {
    if (parameter.has_value()) continue;
    for (const auto& list : {named_parameters(), named_buffers()})
      for (const auto& [name, named] : list)
        if (named.identity() == parameter.identity())
          fail("{}: the parameter \"{}\" of shape {} has no values: load a file, or set it", type_name(), name,
               upconv::str(parameter.shape()));
    fail(
        "{}: forward() uses a parameter of shape {} that has no values and no name in it: did you forget child() or "
        "add_parameter()?",
        type_name(), upconv::str(parameter.shape()));
  }
}

std::vector<Tensor> AnyModule::run(const std::vector<Tensor>& xs,
                                   const std::function<Values(const Values&)>& write) const {
  State& state = this->state();
  const auto graph = std::make_shared<Graph>();
  {
    Writing writing(*graph);
    Values values;
    for (const Tensor& x : xs) values.push_back(graph->input({x.shape(), x.dtype()}));
    for (const Value& value : write(values)) graph->output(value);
  }
  Fingerprint print = graph->fingerprint();

  std::unique_lock lock(state.mutex);
  auto& programs = state.programs;
  const auto found = std::find_if(programs.begin(), programs.end(),
                                  [&](const CachedProgram& cached) { return cached.print == print; });
  if (found == programs.end()) {
    programs.remove_if([](const CachedProgram& cached) { return cached.print.outdated(); });
    check_parameters(print);
    Program program = compile(*graph, state.options);
    programs.push_front({graph, std::move(print), std::move(program)});
    if (programs.size() > max_programs) programs.pop_back();
  } else {
    programs.splice(programs.begin(), programs, found);
  }
  const Program program = programs.front().program;
  lock.unlock();
  return program(xs);
}

Program compile(const AnyModule& module, std::span<const Type> inputs, const Options& options) {
  Graph graph;
  {
    Writing writing(graph);
    Values values;
    for (const Type& type : inputs) values.push_back(graph.input(type));
    for (const Value& value : module(values)) graph.output(value);
  }
  module.check_parameters(graph.fingerprint());
  return compile(graph, options);
}

void AnyModule::set_options(const Options& options) {
  State& state = this->state();
  const std::lock_guard lock(state.mutex);
  state.options = options;
  state.programs.clear();
}

/// What of a state dict goes where in a module, and what does not.
struct AnyModule::Matching {
  struct Found {
    std::string name;
    Parameter parameter;
    Stored stored;
  };
  std::map<const void*, Found> found;  // by the parameter's identity
  std::vector<std::string> missing, unexpected, misshapen, different;
  std::set<std::string> known;

  /// Looks for the values of one parameter or buffer, or for the factors that they are to be computed of.
  void match(const StateDict& state_dict, const std::string& name, const Parameter& parameter, int64_t output_dim);
  void check(const std::string& name, const Parameter& parameter, const Stored& stored);
};

void AnyModule::Matching::match(const StateDict& state_dict, const std::string& name, const Parameter& parameter,
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

void AnyModule::Matching::check(const std::string& name, const Parameter& parameter, const Stored& stored) {
  const bool floats = parameter.dtype() == DType::float32;
  if (stored.shape != parameter.shape()) {
    misshapen.push_back(
        fmt::format("{} (expected {}, got {})", name, upconv::str(parameter.shape()), upconv::str(stored.shape)));
  } else if (floats != is_floating(stored.dtype)) {
    misshapen.push_back(fmt::format("{} (expected {}, got {})", name, floats ? "floating point" : "integers",
                                    upconv::name(stored.dtype)));
  } else {
    const auto [first, is_first] = found.try_emplace(parameter.identity(), Found{name, parameter, stored});
    if (!is_first && !same_values(first->second.stored, stored))
      different.push_back(fmt::format("{} and {}, which are one parameter", first->second.name, name));
  }
}

void AnyModule::load(const std::filesystem::path& path, const LoadOptions& options) {
  load_state_dict(upconv::load_state_dict(path, options), options.strict);
}

void AnyModule::load(std::span<const std::byte> bytes, const LoadOptions& options) {
  load_state_dict(upconv::load_state_dict(bytes, "weights in memory", nullptr, options), options.strict);
}

void AnyModule::load_state_dict(const StateDict& state_dict, bool strict) {
  Matching matching;
  for (const bool buffers : {false, true})
    State::each_place("", *this, [&](const std::string& path, const AnyModule& module) {
      for (const State::Named& named : module.state().parameters)
        if (named.buffer == buffers)
          matching.match(state_dict, joined(path, named.name), named.parameter, module.output_dim());
    });
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
  report("different", matching.different);
  if (!problems.empty()) {
    const std::string advice = strict ? naming_advice(state_dict, matching.missing) : "";
    fail("the weights do not fit {}:{}{}{}", type_name(), problems, advice.empty() ? "" : "\n", advice);
  }
  for (auto& [identity, found] : matching.found) found.parameter.set(std::move(found.stored));
}

StateDict AnyModule::state_dict() const {
  StateDict all;
  State::each_place("", *this, [&](const std::string& path, const AnyModule& module) {
    for (const State::Named& named : module.state().parameters)
      if (named.parameter.has_value()) all.add(joined(path, named.name), named.parameter.stored());
  });
  return all;
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
