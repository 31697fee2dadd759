#pragma once
#include <cstdint>
#include <optional>
#include <random>
#include <span>

#include "tensor.h"

namespace upconv {

namespace internal {
class InitialValues;
}

/// PyTorch's CPU generator: after Random(s), randn gives bit for bit what torch.manual_seed(s) and torch.randn give.
class Random {
 public:
  /// Only the low 32 bits of the seed count, as in PyTorch.
  explicit Random(uint64_t seed = 0) { manual_seed(seed); }
  /// Begins the stream of `seed` again.
  void manual_seed(uint64_t seed);
  /// Standard normal values, float32. Consecutive calls continue the stream as consecutive torch.randn calls do.
  [[nodiscard]] Tensor randn(Shape shape);

 private:
  friend class NormalStream;
  friend class internal::InitialValues;
  uint32_t bits() { return engine_(); }
  float uniform();
  double uniform_double();
  double normal_double();

  /// std::mt19937's numbers; its words are 64 bits wide in libstdc++, and 32 make it nearly twice as fast.
  using Engine = std::mersenne_twister_engine<uint32_t, 32, 624, 397, 31, 0x9908B0DF, 11, 0xFFFFFFFF, 7, 0x9D2C5680, 15,
                                              0xEFC60000, 18, 1812433253>;

  Engine engine_;
  std::optional<double> cached_;
};

/// torch.manual_seed(seed); torch.randn(count), handed out piece by piece: however the stream is cut, the values are
/// the same. Holds 16 values, never all.
class NormalStream {
 public:
  /// `count` values, of which none is made before it is asked for.
  NormalStream(uint64_t seed, int64_t count);
  /// The next out.size() values. Throws Error beyond `count`.
  void next(std::span<float> out);

 private:
  void refill();

  Random random_;
  int64_t count_;
  int64_t made_ = 0;   // values that left refill()
  int64_t begin_ = 0;  // buffer_[begin_..end_) is not handed out yet
  int64_t end_ = 0;
  float buffer_[16] = {};
};

/// torch.manual_seed(seed); torch.randn(shape).
[[nodiscard]] Tensor randn(Shape shape, uint64_t seed);

/// Latents that do not depend on batch, shard or machine: element j of picture i is a function of (seed, i, j) alone.
/// Philox4x32-10 with key = seed (all 64 bits) and counter = (j / 4, i); Box-Muller with the same arithmetic as randn.
/// `shape` is that of one picture's latent; the result is (count, shape...), for pictures first, first + 1, ... Throws
/// Error where `first` or `count` is negative.
[[nodiscard]] Tensor latents(uint64_t seed, int64_t first, int64_t count, Shape shape);

}  // namespace upconv
