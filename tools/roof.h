#pragma once
// The machine's own limits, measured: no step can be faster than its arithmetic, or than its memory.
#include <upconv/upconv.h>

#include <cstddef>
#include <vector>

#include "layers/kernels/kernels.h"
#include "tools/sample.h"

namespace upconv::tools {

/// The roof over the steps of a program.
class Roof {
 public:
  explicit Roof(const Program& program);

  /// Measures the arithmetic once more: between the runs that stand below the roof, so that both see the same minute.
  void sample();
  /// Floating-point operations a second of all threads, of multiply-adds in registers alone: the median of the samples.
  double flops() const;
  /// Bytes a second that all threads together read from memory which they read over and over, as much of it as a run
  /// moves: from whatever cache holds a run. Measured where it is asked for first.
  double bandwidth();
  /// The least seconds for so much arithmetic over so many bytes.
  double seconds(double flops, size_t bytes);

 private:
  const kernels::Table& table_;
  int threads_;
  size_t run_bytes_ = 0;
  Sample<double> samples_;
  double bandwidth_ = 0;
};

}  // namespace upconv::tools
