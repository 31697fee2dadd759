#pragma once
// Internal: what the handles of a module share. module.cpp has its tree and its names, module_call.cpp its calls, and
// module_load.cpp its weights.
#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fail.h"
#include "fixed_forward.h"
#include "forks.h"
#include "module.h"
#include "program.h"

namespace upconv {

namespace internal {

/// A graph that forward() wrote, whose operations stay alive so that no other one gets their addresses, and what it
/// compiled to.
struct CachedProgram {
  std::shared_ptr<const Graph> graph;
  Fingerprint print;
  Program program;
  int told_threads;  // what set_num_threads() had said

  /// Who writes this graph of inputs of the program's types for as long as its parameters have these versions; nobody
  /// where forward() may read more than that.
  std::shared_ptr<const FixedForward> fixed = nullptr;
  std::vector<uint64_t> versions = {};
};

inline std::string joined(const std::string& path, const std::string& name) {
  return path.empty() || name.empty() ? path + name : path + "." + name;
}

}  // namespace internal

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
  internal::Mutex mutex;                        // guards programs and options
  std::list<internal::CachedProgram> programs;  // most recently used first

  /// Locks them. Programs that a fork may have left half written are no more.
  std::unique_lock<internal::Mutex> lock() {
    std::unique_lock lock(mutex);
    if (mutex.was_abandoned()) internal::begin_anew(programs);
    return lock;
  }

  /// Throws Error where a child or a parameter cannot have this name.
  void check_name(const char* what, const std::string& name, const AnyModule& module) const {
    if (name.empty() || name.find('.') != std::string::npos)
      internal::fail("{}: a {}'s name must not be empty or contain a dot, got \"{}\"", module.type_name(), what, name);
    for (const auto& [other, child] : children)
      if (other == name) internal::fail("{} has a child \"{}\" already", module.type_name(), name);
    for (const Named& other : parameters)
      if (other.name == name)
        internal::fail("{} has a {} \"{}\" already", module.type_name(), other.buffer ? "buffer" : "parameter", name);
  }

  /// Calls f(path, module) for a module and all below it, as often as they stand there.
  template <class F>
  static void each_place(const std::string& path, const AnyModule& module, F f, std::vector<const State*> above = {}) {
    const State& state = module.state();
    if (std::find(above.begin(), above.end(), &state) != above.end()) return;  // a module inside itself
    f(path, module);
    above.push_back(&state);
    for (const auto& [name, child] : state.children) each_place(internal::joined(path, name), *child, f, above);
  }

  /// The module of that state among those below this one, and its path; nearer ones first.
  const AnyModule* find(const State* wanted, std::string& path, std::set<const State*>& seen) const {
    for (const auto& [name, child] : children)
      if (child->state_.get() == wanted) {
        path = internal::joined(path, name);
        return child.get();
      }
    for (const auto& [name, child] : children) {
      if (!seen.insert(child->state_.get()).second) continue;
      std::string below = internal::joined(path, name);
      if (const AnyModule* found = child->state().find(wanted, below, seen)) {
        path = below;
        return found;
      }
    }
    return nullptr;
  }
};

}  // namespace upconv
