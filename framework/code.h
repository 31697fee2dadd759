#pragma once
// Internal: what a Program is made of. Written by compile.cpp, run by program.cpp.
#include <algorithm>

#include "parallel.h"
#include "program.h"

namespace upconv::internal {

/// Where a value lies while a program runs: `at` is an offset in the arena, or the number of a constant, an input or an
/// output.
struct Place {
  enum Space { arena, constant, input, output };
  Space space = arena;
  size_t at = 0;
  size_t portion_bytes = 0;  ///< from one portion of the batch to the next, where it has memory of its own
};

struct Code {
  struct Placed {
    std::shared_ptr<const Step> step;
    std::vector<Place> inputs;
    std::vector<Type> input_types;  ///< as they lie there
    Place output;
    StepInfo info;
    bool shared = true;  ///< whether it is worth another thread's while
    int portions = -1;   ///< steps of one number compute one portion of the batch after another, info.portions of them
  };
  /// A step, or one portion of it.
  struct Turn {
    size_t step;
    int64_t portion;
  };
  Options options;
  std::vector<Type> inputs, outputs;
  std::vector<Placed> steps;
  std::vector<Turn> turns;  ///< in the order in which they run
  std::vector<Tensor> constants;
  size_t arena_bytes = 0;
  size_t packed_bytes = 0;
  size_t scratch_bytes = 0;  ///< for one thread
  std::shared_ptr<const Crew> crew;

  static Program program(std::shared_ptr<const Code> code) { return Program(std::move(code)); }
  static std::byte* arena(Workspace& workspace);
};

/// Of a value of this type, where it lies.
inline size_t bytes_of(const Type& type) { return static_cast<size_t>(numel(type.shape)) * size_of(type.dtype); }

/// What one thread needs beside the arena, for any of the steps.
inline size_t scratch_bytes_of(const Code& code) {
  size_t most = 0;
  for (const auto& placed : code.steps) most = std::max(most, (placed.step->scratch_bytes() + 63) / 64 * 64);
  return most;
}

}  // namespace upconv::internal
