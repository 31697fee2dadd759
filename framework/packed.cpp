#include "framework/packed.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <new>
#include <vector>

#include "framework/parallel.h"
#include "framework/weights/packed_cache.h"

namespace upconv::internal {
namespace {

std::shared_ptr<void> small_zeros(size_t bytes) {
  constexpr size_t line = 64;
  void* memory = std::calloc(bytes + line, 1);
  if (!memory) throw std::bad_alloc();
  const std::shared_ptr<void> owner(memory, std::free);
  const auto address = reinterpret_cast<uintptr_t>(memory);
  return {owner, reinterpret_cast<void*>((address + line - 1) / line * line)};
}

constexpr size_t huge_page = 2 << 20;

/// Memory that begins at a huge page and has as many of them as the system can give: a page fault for each 4 kB of the
/// weights would take as long as packing them does.
std::shared_ptr<void> large_zeros(size_t bytes) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t size = (bytes + page - 1) / page * page;
  void* mapped = ::mmap(nullptr, size + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(mapped);
  const size_t before = (huge_page - address % huge_page) % huge_page;
  auto* begin = static_cast<std::byte*>(mapped) + before;
  if (before > 0) ::munmap(mapped, before);
  if (before < huge_page) ::munmap(begin + size, huge_page - before);
#if defined(MADV_HUGEPAGE)
  ::madvise(begin, size, MADV_HUGEPAGE);  // refused where the system has none
#endif
  return {begin, [size](void* memory) { ::munmap(memory, size); }};
}

std::shared_ptr<float> zeros(size_t floats) {
  const size_t bytes = floats * sizeof(float);
  return std::static_pointer_cast<float>(bytes < huge_page ? small_zeros(bytes) : large_zeros(bytes));
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

}  // namespace upconv::internal
