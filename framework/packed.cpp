#include "framework/packed.h"

#include <cstdlib>
#include <new>
#include <vector>

#include "framework/fail.h"
#include "framework/parallel.h"
#include "framework/weights/packed_cache.h"

namespace upconv {
namespace {

/// Zeros. Large blocks come from the system as such, page by page as they are written.
std::shared_ptr<float> zeros(size_t floats) {
  constexpr size_t line = 64;
  void* memory = std::calloc(floats * sizeof(float) + line, 1);
  if (!memory) throw std::bad_alloc();
  const std::shared_ptr<void> owner(memory, std::free);
  const auto address = reinterpret_cast<uintptr_t>(memory);
  return {owner, reinterpret_cast<float*>((address + line - 1) / line * line)};
}

PackedFloats make(const Packing& packing, const Crew& crew) {
  const std::shared_ptr<float> out = zeros(packing.floats);
  std::vector<float> scratch(packing.scratch * static_cast<size_t>(crew.threads()));
  crew.share(packing.parts, [&](int64_t part, int worker) {
    packing.pack(part, out.get(), scratch.data() + packing.scratch * static_cast<size_t>(worker));
  });
  return {{out.get(), packing.floats}, out};
}

}  // namespace

PackedFloats pack(const Packing& packing, const Crew& crew, Isa isa, PackedCache* cache,
                  const std::function<uint64_t()>& key) {
  if (!cache || !cache->wants(isa)) return make(packing, crew);
  const uint64_t wanted = key();
  if (auto found = cache->find(isa, wanted, packing.floats, crew)) return *std::move(found);
  PackedFloats made = make(packing, crew);
  cache->keep(isa, wanted, made);
  return made;
}

}  // namespace upconv
