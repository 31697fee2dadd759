#pragma once
// A node's arguments while they are written as C++.
#include <optional>
#include <string_view>
#include <vector>

#include "tools/write/calls.h"

namespace upconv::tools {

class NodeView {
 public:
  NodeView(const Calls& calls, int node) : calls_(calls), index_(node) {}

  const internal::ExportedNode& node() const { return calls_.program().nodes[static_cast<size_t>(index_)]; }
  std::string_view row() const { return node().row->name; }
  int index() const { return index_; }
  /// By its name. Throws Error where the row has none of it.
  const internal::Argument& argument(std::string_view name) const;
  bool has(std::string_view name) const;
  bool is_none(std::string_view name) const { return argument(name).is_none(); }
  /// Which value it is, or -1.
  int value(std::string_view name) const;
  /// Numbers that are known now; nothing where it is another one in each call.
  std::optional<int64_t> integer(std::string_view name) const;
  std::optional<double> number(std::string_view name) const;
  std::optional<std::vector<int64_t>> integers(std::string_view name) const;
  std::optional<std::vector<double>> numbers(std::string_view name) const;
  std::string text(std::string_view name) const;
  bool boolean(std::string_view name) const { return integer(name).value_or(0) != 0; }
  /// Of a tensor; float32 of what nothing is said of.
  DType type(int value) const;
  /// How many dimensions a tensor has, as far as that is said.
  size_t rank(std::string_view name) const;
  /// What normalize() it is the last operation of; nullptr where it is none.
  const Normalization* normalization() const;
  /// What a squeeze() comes to, where that is known.
  const Unsqueezed* unsqueezed() const;
  /// A size of a tensor that is the same in each call.
  std::optional<int64_t> size(std::string_view name, size_t dim) const;
  int output() const { return node().outputs.at(0); }
  [[noreturn]] void refuse(const std::string& why) const { calls_.refuse(index_, why); }

 private:
  const Calls& calls_;
  int index_;
};

/// One number for both where they are equal, {h, w} otherwise.
Expression pair(const std::vector<int64_t>& sizes, const std::string& role = "");
Expression pair(const std::vector<double>& sizes, const std::string& role = "");
/// Adds the options of interpolate() and Upsample that say how, not how large.
void add_mode(Expression& resampling, const NodeView& node);
/// All options of interpolate() and Upsample; nothing where a size is another one in each call.
std::optional<Expression> resampling(const NodeView& node, const std::string& function);

}  // namespace upconv::tools
