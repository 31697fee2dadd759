#pragma once
// Internal: weights as kernels read them, packed on all threads or found in a file.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "cpu.h"

namespace upconv::internal {

class Crew;
class PackedCache;

/// Packed weights: memory that begins at a cache line, and what keeps it alive.
struct PackedFloats {
  std::span<const float> span;
  std::shared_ptr<const void> owner;
};

/// How packed weights are made, in parts that may be packed in any order, on any thread, at the same time.
struct Packing {
  size_t floats;   ///< of the result
  size_t scratch;  ///< floats of scratch that a part needs
  int64_t parts;
  /// Writes one part of `out`; what no part writes stays zero.
  std::function<void(int64_t part, float* out, float* scratch)> pack;
};

/// What gives a layer its packed weights.
using Packer = std::function<PackedFloats(const Packing&)>;

/// Packs on the threads of `crew`, unless `cache` (which may be nullptr) has what it keeps for this key and instruction
/// set. `key` tells apart whatever packs to other floats; it is asked for only where there is something to look in.
PackedFloats pack(const Packing& packing, const Crew& crew, Isa isa, PackedCache* cache,
                  const std::function<uint64_t()>& key);

}  // namespace upconv::internal
