#pragma once
// The machine's own limits, measured: no step can be faster than its arithmetic, or than its memory.
#include <cstddef>
#include <map>
#include <vector>

#include "layers/kernels/kernels.h"

namespace upconv::tools {

/// The roof over steps that `threads` threads share.
class Roof {
 public:
  Roof(const kernels::Table& table, int threads) : table_(table), threads_(threads) {}

  /// Measures the arithmetic once more: between the runs that stand below the roof, so that both see the same minute.
  void sample();
  /// Floating-point operations a second of all threads, of multiply-adds in registers alone: the median of the samples.
  double flops() const;
  /// Bytes a second that all threads together read from memory which they read over and over, `bytes` of it: from
  /// whatever cache holds as much. Measured where it is asked for first.
  double bandwidth(size_t bytes);
  /// The least seconds for so much arithmetic over so many bytes.
  double seconds(double flops, size_t bytes);

 private:
  const kernels::Table& table_;
  int threads_;
  std::vector<double> samples_;
  std::map<size_t, double> bandwidths_;  ///< by size
};

}  // namespace upconv::tools
