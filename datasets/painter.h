#pragma once
// A network that paints picture after picture on all threads, each with a batch of its own.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "framework/compile.h"
#include "framework/program.h"

namespace upconv::datasets {

/// Runs one program on several threads at once. Each takes the next batch, computes it alone, and makes bytes of its
/// pictures while the others compute theirs: small networks lose nothing by waiting for each other, and encoding is
/// shared like the rest. At any time a thread holds one batch of numbers, and there are as many batches of bytes that
/// wait for those before them.
class Painter {
 public:
  struct Options {
    int threads = 0;     ///< 0: as Options::threads of programs
    int64_t batch = 64;  ///< pictures of a run
    upconv::Options program = {.tune = Tune::throughput};
  };

  /// `inputs` are the network's, for one picture. Throws Error where the network gives no pictures, or where
  /// `options.program.choices` has no choice for a layer that has one.
  Painter(const AnyModule& module, std::vector<Type> inputs, const Options& options);
  ~Painter();

  /// Fills the first `rows` rows of a batch, for pictures first, first + 1, ...; of several threads at once.
  using Fill = std::function<void(int64_t first, int64_t rows, std::vector<Tensor>& batch)>;
  /// Makes bytes of the first `rows` pictures of a batch; of several threads at once.
  using Finish = std::function<std::string(int64_t first, int64_t rows, const Tensor& pictures)>;
  /// Takes the bytes of one batch after another, in their order; never two at once.
  using Write = std::function<void(int64_t rows, std::string_view bytes)>;
  /// Paints pictures first, ..., first + count - 1. Throws what one of the three threw, after all threads have ended.
  void paint(int64_t first, int64_t count, const Fill& fill, const Finish& finish, const Write& write);

  [[nodiscard]] const Program& program() const { return program_; }
  /// With which it was compiled.
  [[nodiscard]] const upconv::Options& options() const { return options_; }
  [[nodiscard]] int threads() const { return static_cast<int>(places_.size()); }
  [[nodiscard]] int64_t batch() const { return batch_; }

 private:
  struct Place;
  class Order;

  int64_t batch_;
  upconv::Options options_;
  Program program_;
  std::vector<std::unique_ptr<Place>> places_;  // of each thread
};

}  // namespace upconv::datasets
