#pragma once
// torch.nn's containers: modules that consist of others.
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "module.h"

namespace upconv {

/// A module under a name, for sequential({{"conv", ...}, {"act", ...}}).
struct NamedModule {
  /// A copy of `module`, which shares what it is made of.
  template <std::derived_from<AnyModule> M>
  NamedModule(std::string name, M module) : name(std::move(name)), module(std::make_shared<M>(std::move(module))) {}
  /// `module` itself.
  template <std::derived_from<AnyModule> M>
  NamedModule(std::string name, std::shared_ptr<M> module) : name(std::move(name)), module(std::move(module)) {}
  std::string name;                   ///< what it is to be called
  std::shared_ptr<AnyModule> module;  ///< what it is
};

/// Children one after another, as torch.nn.Sequential. Make it with sequential(...); append() for loops.
class Sequential : public Module {
 public:
  /// The identity, until something is appended.
  Sequential() = default;
  /// Adds a child under its position ("0", "1", ...).
  template <std::derived_from<AnyModule> M>
  Sequential& append(M module) {
    return append(std::make_shared<M>(std::move(module)));
  }
  /// The same of a module that is on the heap already, and may stand elsewhere too.
  template <std::derived_from<AnyModule> M>
  Sequential& append(std::shared_ptr<M> module) {
    add_child(std::to_string(size()), std::move(module));
    return *this;
  }
  /// Adds a child under its name.
  Sequential& append(NamedModule module);
  /// How many children there are.
  [[nodiscard]] size_t size() const { return child_count(); }
  /// A child by its position; negative counts from the end. Throws Error where there is none.
  [[nodiscard]] AnyModule& operator[](int64_t index) const { return child_at(index); }
  /// The same as what it is, for its own members: `net.at<Conv2d>(0).weight`. Throws Error where it is something else.
  template <std::derived_from<AnyModule> M>
  [[nodiscard]] M& at(int64_t index) const {
    if (auto* found = dynamic_cast<M*>(&child_at(index))) return *found;
    refuse(index);
  }
  /// Python's net[start:stop]: another Sequential of the same children under the same names.
  [[nodiscard]] Sequential slice(int64_t start, std::optional<int64_t> stop = {}) const;

  /// What the last child makes of what the one before it made. Throws Error where a child gives several values.
  Value forward(Value x) const override;
  std::string type_name() const override { return "Sequential"; }

 private:
  template <std::derived_from<AnyModule>... Modules>
  friend Sequential sequential(Modules... modules);
  void deal_initial_values() const;
  [[noreturn]] void refuse(int64_t index) const;
};

/// torch.nn.Sequential(modules...). Always nests: one Sequential inside another stays a child. What they begin with is
/// dealt out from the first to the last, as in Python, in whichever order the compiler constructed them.
template <std::derived_from<AnyModule>... Modules>
[[nodiscard]] Sequential sequential(Modules... modules) {
  Sequential all;
  (all.append(std::move(modules)), ...);
  all.deal_initial_values();
  return all;
}
/// torch.nn.Sequential(OrderedDict([...])).
[[nodiscard]] Sequential sequential(std::initializer_list<NamedModule> modules);

/// torch.nn.ModuleList: children of one type, named "0", "1", ..., which forward() of its owner calls as it likes:
///
///     ModuleList<Block>& blocks = child("blocks", ModuleList<Block>());
///     for (const Block& block : blocks) x = block(x);
///
/// It has no forward() of its own. Copies are handles of the same list.
template <std::derived_from<AnyModule> M>
class ModuleList : public AnyModule {
 public:
  /// Goes over the children.
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;  ///< goes forward, more than once
    using value_type = M;                                 ///< a child
    using difference_type = int64_t;                      ///< between two
    using pointer = M*;                                   ///< to a child
    using reference = M&;                                 ///< to a child
    /// Of no list.
    Iterator() = default;
    /// At a child of `list`.
    Iterator(const ModuleList* list, int64_t at) : list_(list), at_(at) {}
    /// The child.
    M& operator*() const { return (*list_)[at_]; }
    /// The child's members.
    M* operator->() const { return &(*list_)[at_]; }
    /// To the next one.
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    /// The same, and gives where it was.
    Iterator operator++(int) { return std::exchange(*this, Iterator(list_, at_ + 1)); }
    /// Whether both are at the same child.
    bool operator==(const Iterator&) const = default;

   private:
    const ModuleList* list_ = nullptr;
    int64_t at_ = 0;
  };

  /// An empty one.
  ModuleList() = default;
  /// Of these, of which it takes copies.
  ModuleList(std::initializer_list<M> modules) {
    for (const M& module : modules) append(module);
  }
  /// Adds a child and returns it.
  template <std::derived_from<M> D>
  D& append(D module) {
    return child(std::to_string(size()), std::move(module));
  }
  /// The same of a module that is on the heap already, and may stand elsewhere too.
  template <std::derived_from<M> D>
  D& append(const std::shared_ptr<D>& module) {
    return child(std::to_string(size()), module);
  }
  /// How many children there are.
  [[nodiscard]] size_t size() const { return child_count(); }
  /// A child by its position; negative counts from the end. Throws Error where there is none.
  [[nodiscard]] M& operator[](int64_t index) const { return static_cast<M&>(child_at(index)); }
  /// The first child.
  [[nodiscard]] Iterator begin() const { return Iterator(this, 0); }
  /// Behind the last one.
  [[nodiscard]] Iterator end() const { return Iterator(this, static_cast<int64_t>(size())); }

  std::string type_name() const override { return "ModuleList"; }
  /// As PyTorch prints it: equal neighbours once, with their number.
  [[nodiscard]] std::string str() const override { return list_str(); }
};

/// torch.nn.ModuleDict: children of one type under names of their own, in the order in which they were added. It has no
/// forward(). Copies are handles of the same children.
template <std::derived_from<AnyModule> M>
class ModuleDict : public AnyModule {
 public:
  /// An empty one.
  ModuleDict() = default;
  /// Of these, of which it takes copies.
  ModuleDict(std::initializer_list<std::pair<std::string, M>> modules) {
    for (const auto& [name, module] : modules) add(name, module);
  }
  /// Adds a child and returns it. Throws Error where the name is taken, empty or has a dot.
  template <std::derived_from<M> D>
  D& add(std::string name, D module) {
    return child(std::move(name), std::move(module));
  }
  /// The same of a module that is on the heap already, and may stand elsewhere too.
  template <std::derived_from<M> D>
  D& add(std::string name, const std::shared_ptr<D>& module) {
    return child(std::move(name), module);
  }
  /// How many children there are.
  [[nodiscard]] size_t size() const { return child_count(); }
  /// Whether there is one of that name.
  [[nodiscard]] bool contains(const std::string& name) const {
    for (const auto& [other, module] : named_children())
      if (other == name) return true;
    return false;
  }
  /// A child by its name. Throws Error, listing the names, where there is none.
  [[nodiscard]] M& operator[](const std::string& name) const { return static_cast<M&>(child_named(name)); }
  /// Names and children, in their order.
  [[nodiscard]] std::vector<std::pair<std::string, std::reference_wrapper<M>>> items() const {
    std::vector<std::pair<std::string, std::reference_wrapper<M>>> all;
    for (const auto& [name, module] : named_children()) all.emplace_back(name, (*this)[name]);
    return all;
  }

  std::string type_name() const override { return "ModuleDict"; }
};

}  // namespace upconv
