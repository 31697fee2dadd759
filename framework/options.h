#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arena.h"
#include "choices.h"
#include "cpu.h"

namespace upconv {

/// What a program is chosen for.
enum class Tune {
  latency,     ///< the time of one run
  throughput,  ///< pictures per second of large batches
  /// The time of one run on this machine: the algorithms that each layer could take are timed while the program is
  /// compiled, in their places, and the fastest is taken. What two processes find may differ, and with it the last bits
  /// of results, unless Options::choices says what to take.
  measured
};

/// Which algorithms may be chosen.
enum class Accuracy {
  exact,     ///< those that add the products of an output one by one in their order
  standard,  ///< those too whose rms error is within 2.2x of that; in bfloat16 of 1.7x, and few of these
  fast       ///< all
};

/// What the layers that multiply by weights (convolutions, transposed or not, and Linear) compute with.
enum class Precision {
  float32,  ///< floats
  /// Where the processor multiplies bfloat16 fast (AVX512_BF16 of Zen 4 and Zen 5, AMX's tiles): products of it, summed
  /// in float32. A layer's weights, with what was folded into them, and the values that it reads are rounded to eight
  /// bits, to the nearest, to even between two, and so are values that lie in memory between such layers. Everything
  /// else is float32: biases, what is added, activations, norms, what a network is given and what it gives. Layers that
  /// read what the network is given stay in float32 (Options::round_inputs), and so do those with a kernel for each
  /// channel and, without tiles, of at most four outputs, whose kernels have nothing to gain, and those with an odd
  /// number of channels in several groups. Elsewhere, with AVX2, AVX-512 or NEON, only weights are rounded, of layers
  /// that wait for them, which then take half of the memory; the rest is float32. StepInfo::precision says which layers
  /// are which.
  bfloat16
};
/// "float32" or "bfloat16".
[[nodiscard]] constexpr const char* name(Precision precision) {
  return precision == Precision::float32 ? "float32" : "bfloat16";
}

/// How a program is compiled and run.
struct Options {
  Tune tune = Tune::latency;               ///< what for
  Accuracy accuracy = Accuracy::standard;  ///< how exactly

  Precision precision = Precision::float32;  ///< with what

  /// Layers that stay in float32, by the names of their modules in StepInfo::path or of modules around them: "main.12",
  /// "*.to_rgb"; * is any text, ? any character. Compiling in bfloat16 throws Error, listing the names, where one is no
  /// layer that could be rounded.
  std::vector<std::string> float32 = {};
  /// Whether bfloat16 is also for layers that read what the network is given. A rounded latent is another latent: of
  /// DCGAN's errors it makes more than all other layers together, and saves a hundredth of the time.
  bool round_inputs = false;

  /// The algorithm of every layer that could take it, by its name in Program::steps(): "direct", "winograd F(3,2)", ...
  /// The other layers keep what is chosen for them, as all do where this is empty. Compiling throws Error, listing the
  /// names, where no layer could take it.
  std::string algorithm = {};
  /// For how long Tune::measured may time a network's algorithms; those that it does not come to are chosen by
  /// what is expected of them. Layers of one geometry are timed once, and what was found is kept for the process.
  double tuning_seconds = 2;
  /// The algorithms that layers take, from a file that measured ones were written to; layers that it does not name
  /// choose as `tune` says. Compiling throws Error where it names an algorithm that the layer could not take.
  std::shared_ptr<const Choices> choices = {};
  /// How many work on one run; 0 means as many as set_num_threads() said, and where it said nothing all of the arena,
  /// or as many as the quota of a container (Linux's control groups) allows; more than the arena has means all of it.
  int threads = 0;
  std::optional<Isa> isa = {};              ///< nothing means default_isa()
  std::shared_ptr<const Arena> arena = {};  ///< whose threads; nothing means upconv's own, as many as the machine has
};

/// What Options::threads = 0 means in this process from now on, as torch.set_num_threads; 0 gives back what it meant
/// before. Programs keep the threads that they were compiled for; calls of modules see it from the next one on. Throws
/// Error for a negative number.
void set_num_threads(int threads);
/// How many threads Options::threads = 0 means now, where the caller lends no arena.
[[nodiscard]] int get_num_threads();

}  // namespace upconv
