#pragma once
// Internal: nodes under the path of a module that no object stands for.
#include <string>
#include <utility>

#include "graph.h"

namespace upconv::internal {

/// While it lives, nodes of `graph` are written under `path` below the module whose forward() runs.
class PathScope {
 public:
  PathScope(Graph& graph, const std::string& path) : graph_(graph), outer_(graph.path_) {
    if (!path.empty()) graph_.path_ = outer_.empty() ? path : outer_ + "." + path;
  }
  ~PathScope() { graph_.path_ = std::move(outer_); }
  PathScope(const PathScope&) = delete;
  PathScope& operator=(const PathScope&) = delete;

 private:
  Graph& graph_;
  std::string outer_;
};

}  // namespace upconv::internal
