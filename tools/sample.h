#pragma once
#include <cstddef>
#include <utility>
#include <vector>

namespace upconv::tools {

/// What comes, spread evenly over all of it, however much that is: every one at first, every second, fourth, ... when
/// that were more than `most`. Two samples of as many values hold the same ones.
template <class T>
class Sample {
 public:
  explicit Sample(size_t most = 8192) : most_(most) {}

  void add(T value) {
    if (count_++ % step_ != 0) return;
    if (kept_.size() == most_) {
      for (size_t i = 1; 2 * i < kept_.size(); ++i) kept_[i] = std::move(kept_[2 * i]);
      kept_.resize((kept_.size() + 1) / 2);
      step_ *= 2;
      if ((count_ - 1) % step_ != 0) return;
    }
    kept_.push_back(std::move(value));
  }

  /// How many came.
  size_t count() const { return count_; }
  const std::vector<T>& kept() const { return kept_; }

 private:
  size_t most_, count_ = 0, step_ = 1;
  std::vector<T> kept_;
};

}  // namespace upconv::tools
