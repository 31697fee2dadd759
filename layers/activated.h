#pragma once
// Internal: operations that can apply an element-wise function where they store their result.
#include <memory>
#include <type_traits>

#include "../framework/graph.h"

namespace upconv::internal {

/// Such an operation derives from Activated<itself> and hands activation() to its step. It is copied to be changed: by
/// its copy constructor or, where it is abstract itself, by a public clone() that gives a shared_ptr of it.
template <class Self, class Base = Operation>
class Activated : public Base {
 public:
  using Base::Base;

  /// One function at most: what follows it is an operation of its own.
  std::shared_ptr<const Operation> with_pointwise(const Pointwise& pointwise) const override {
    if (activated()) return nullptr;
    std::shared_ptr<Self> merged = copy();
    merged->activation_ = pointwise;
    return merged;
  }

 protected:
  const Pointwise& activation() const { return activation_; }
  bool activated() const { return activation_.kind != Pointwise::identity; }

  /// Itself, to be changed.
  std::shared_ptr<Self> copy() const {
    const auto& self = static_cast<const Self&>(*this);
    if constexpr (std::is_abstract_v<Self>)
      return self.clone();
    else
      return std::make_shared<Self>(self);
  }

 private:
  Pointwise activation_;
};

}  // namespace upconv::internal
