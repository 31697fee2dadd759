#include <algorithm>
#include <chrono>
#include <span>
#include <vector>

#include "framework/fail.h"
#include "framework/processor.h"
#include "framework/timing.h"
#include "layers/kernels/kernels.h"

namespace upconv::kernels {

#if defined(__x86_64__)
extern const Table avx512_table, avx512_few_loads_table, avx2_table, sse2_table;
#elif defined(__aarch64__)
extern const Table neon_table;
#endif
extern const Table scalar_table;

namespace {

// Best first.
const Table* const all[] = {
#if defined(__x86_64__)
    &avx512_table, &avx512_few_loads_table, &avx2_table, &sse2_table,
#elif defined(__aarch64__)
    &neon_table,
#endif
    &scalar_table};

#if defined(__x86_64__)
/// What multiplies vectors beside tiles is AVX-512's.
const Table& amx_vectors() {
  static const Table of = [] {
    Table vectors = table(Isa::avx512);
    vectors.isa = Isa::amx;
    return vectors;
  }();
  return of;
}
#endif

/// Seconds that products of a full register tile take, whose operands lie in L1.
class Sample {
 public:
  explicit Sample(const Table& table)
      : lanes_(2 * table.width),
        v_(static_cast<size_t>(table.pixels * IC)),
        w_(static_cast<size_t>(2 * lanes_ * IC + 16)),
        m_(static_cast<size_t>(table.pixels * lanes_)) {}
  double seconds(const Table& table) {
    float* const w = w_.data() + (64 - reinterpret_cast<uintptr_t>(w_.data()) % 64) % 64 / sizeof(float);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i)
      table.products({.v = v_.data(),
                      .pitch = table.pixels * panel_lanes,
                      .w = w,
                      .m = m_.data(),
                      .tiles = table.pixels,
                      .IC = IC,
                      .vectors = 2,
                      .next = w + lanes_ * IC});
    return internal::seconds_since(start);
  }

 private:
  static constexpr int64_t IC = 128;
  int64_t lanes_;
  std::vector<float> v_, w_, m_;
};

/// The usual table, unless another one is five percent faster, which takes a fifth of a millisecond to find out. Less
/// is no reason: the mixture of the usual one is what serves two threads of a core best.
const Table& fastest(std::span<const Table* const> of) {
  constexpr int takes = 9;
  Sample sample(*of.front());
  std::vector<double> least(of.size(), 1);
  for (int take = 0; take < takes; ++take)
    for (size_t i = 0; i < of.size(); ++i) least[i] = std::min(least[i], sample.seconds(*of[i]));
  const auto best = static_cast<size_t>(std::min_element(least.begin(), least.end()) - least.begin());
  return least[best] < 0.95 * least.front() ? *of[best] : *of.front();
}

}  // namespace

std::span<const Table* const> tables(Isa isa) {
  if (isa == Isa::amx) isa = Isa::avx512;
  const auto first = std::find_if(std::begin(all), std::end(all), [&](const Table* one) { return one->isa == isa; });
  const auto last = std::find_if(first, std::end(all), [&](const Table* one) { return one->isa != isa; });
  return {first, last};
}

const Table& table(Isa isa) {
  const std::vector<Isa>& available = available_isas();
  if (std::find(available.begin(), available.end(), isa) == available.end())
    internal::fail("instruction set {}: this machine cannot run it; it runs up to {}", name(isa),
                   name(available.front()));
#if defined(__x86_64__)
  if (isa == Isa::amx) return amx_vectors();
#endif
  const std::span<const Table* const> of = tables(isa);
  if (of.empty()) internal::fail("instruction set {}: this build has no kernels for it", name(isa));
  // Zen 4, which computes AVX-512's vectors in halves, has loads to spare.
  if (of.size() == 1 || internal::processor().is_zen3_or_4()) return *of.front();
  static const Table& chosen = fastest(of);  // of AVX-512, which alone has two
  return chosen;
}

}  // namespace upconv::kernels
