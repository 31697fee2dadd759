#pragma once
#include <memory>
#include <optional>
#include <string>

#include "arena.h"
#include "cpu.h"

namespace upconv {

/// What a program is chosen for: the time of one run, or pictures per second of large batches.
enum class Tune { latency, throughput };

/// Which algorithms may be chosen: exact sums in order; those whose rms error is within 2.2x of that (the default);
/// all.
enum class Accuracy { exact, standard, fast };

/// How a program is compiled and run.
struct Options {
  Tune tune = Tune::latency;
  Accuracy accuracy = Accuracy::standard;
  /// The algorithm of every layer that could take it, by its name in Program::steps(): "direct", "winograd F(3,2)", ...
  /// The other layers keep what is chosen for them, as all do where this is empty. Compiling throws Error, listing the
  /// names, where no layer could take it.
  std::string algorithm = {};
  int threads = 0;              ///< how many work on one run; 0, or more than the arena has, means all of it
  std::optional<Isa> isa = {};  ///< nothing means default_isa()
  std::shared_ptr<const Arena> arena = {};  ///< whose threads; nothing means upconv's own, as many as the machine has
};

}  // namespace upconv
