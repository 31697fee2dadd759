#pragma once
// Internal: which graph this thread's forward() writes into, for what has no value in hand that knows.
#include "graph.h"

namespace upconv::internal {

/// While it lives, this thread writes into `graph`.
class Writing {
 public:
  explicit Writing(Graph& graph) : outer_(std::exchange(slot(), &graph)) {}
  ~Writing() { slot() = outer_; }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  /// The innermost one's graph, or nullptr.
  static Graph* current() { return slot(); }

 private:
  static Graph*& slot() {
    static thread_local Graph* graph = nullptr;
    return graph;
  }
  Graph* outer_;
};

}  // namespace upconv::internal
