#pragma once
// How much memory a piece of code asks for.
#include <cstddef>

namespace upconv::testing {

/// Counts what operator new hands out anywhere in the program from its construction on.
class PeakMemory {
 public:
  PeakMemory();
  /// The most bytes that were in use at one time, less those in use at the beginning.
  size_t bytes() const;

 private:
  size_t before_;
};

}  // namespace upconv::testing
