// Calls of modules: forward() written down under its path, and the program that is compiled of it or found.
#include "framework/compile.h"
#include "framework/module_state.h"
#include "framework/parallel.h"
#include "framework/writing.h"

namespace upconv {

using namespace internal;

namespace {

/// Few, because a module usually meets few shapes; a changed one costs a compilation, not a repacking.
constexpr size_t max_programs = 8;

/// What `write` writes down for inputs of these types.
std::shared_ptr<const Graph> written(std::span<const Type> inputs, const std::function<Values(const Values&)>& write) {
  auto graph = std::make_shared<Graph>();
  const Writing writing(*graph);
  Values values;
  for (const Type& type : inputs) values.push_back(graph->input(type));
  for (const Value& value : write(values)) graph->output(value);
  return graph;
}

bool has_types(const std::vector<Tensor>& xs, const std::vector<Type>& types) {
  return std::equal(xs.begin(), xs.end(), types.begin(), types.end(), [](const Tensor& x, const Type& type) {
    return x.dtype() == type.dtype && x.shape() == type.shape;
  });
}

}  // namespace

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
        beginning(path), child.type_name(), child.extra_repr(), module_.type_name(), module_.extra_repr());
  }

  /// A module that is nobody's child may be called if its parameters were set: they are not those of a file.
  void check_stranger() const {
    for (const auto& [name, parameter] : module_.named_parameters())
      if (parameter.is_initial())
        fail(
            "{}forward() calls {}, whose parameter \"{}\" nobody has set, and which is not a child of {}: did you "
            "forget child()?",
            beginning(outer_path_), module_.type_name(), name, outer_->module_.type_name());
  }

  Writing writing_;
  Graph& graph_;
  const AnyModule& module_;
  std::string outer_path_, path_;
  const Scope* outer_;
};

Values AnyModule::forward_all(const Values&) const { fail("{} has no forward() of values", type_name()); }

void AnyModule::check_count(size_t expected, size_t got) const {
  const Graph* graph = Writing::current();
  if (got != expected)
    fail("{}{}: forward takes {} value{}, got {}", beginning(graph ? graph->path() : ""), type_name(), expected,
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
  return run(
      xs, [this](const Values& values) { return (*this)(values); }, fixed_forward());
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
  return run(xs, write, nullptr);
}

/// `fixed`: what `write` is, or nullptr where that may be anything.
std::vector<Tensor> AnyModule::run(const std::vector<Tensor>& xs, const std::function<Values(const Values&)>& write,
                                   const std::shared_ptr<const FixedForward>& fixed) const {
  State& state = this->state();
  auto& programs = state.programs;
  const int told = told_threads();
  if (fixed) {
    auto lock = state.lock();
    const auto found = std::find_if(programs.begin(), programs.end(), [&](const CachedProgram& cached) {
      return cached.fixed == fixed && cached.told_threads == told && has_types(xs, cached.program.inputs()) &&
             fixed->has_versions(cached.versions);
    });
    if (found != programs.end()) {
      programs.splice(programs.begin(), programs, found);
      const Program program = found->program;
      lock.unlock();
      return program(xs);
    }
  }

  // Before anything is read: what changes meanwhile, the next call is to see.
  std::vector<uint64_t> versions = fixed ? fixed->versions() : std::vector<uint64_t>();
  std::vector<Type> inputs;
  for (const Tensor& x : xs) inputs.push_back({x.shape(), x.dtype()});
  const std::shared_ptr<const Graph> graph = written(inputs, write);
  Fingerprint print = graph->fingerprint();

  auto lock = state.lock();
  const auto found = std::find_if(programs.begin(), programs.end(), [&](const CachedProgram& cached) {
    return cached.told_threads == told && cached.print == print;
  });
  if (found == programs.end()) {
    programs.remove_if([](const CachedProgram& cached) { return cached.print.outdated(); });
    check_parameters(print);
    Program program = compile(*graph, state.options);
    programs.push_front({graph, std::move(print), std::move(program), told});
    if (programs.size() > max_programs) programs.pop_back();
  } else {
    programs.splice(programs.begin(), programs, found);
  }
  if (fixed) {
    programs.front().fixed = fixed;
    programs.front().versions = std::move(versions);
  }
  const Program program = programs.front().program;
  lock.unlock();
  return program(xs);
}

Program compile(const AnyModule& module, std::span<const Type> inputs, const Options& options) {
  const auto graph = written(inputs, [&](const Values& values) { return module(values); });
  module.check_parameters(graph->fingerprint());
  return compile(*graph, options);
}

void AnyModule::set_options(const Options& options) {
  State& state = this->state();
  const auto lock = state.lock();
  state.options = options;
  state.programs.clear();
}

}  // namespace upconv
