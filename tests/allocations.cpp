#include "tests/allocations.h"

#include <malloc.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

std::atomic<size_t> in_use = 0;
std::atomic<size_t> peak = 0;

void* counted(void* memory) noexcept {
  if (memory == nullptr) return nullptr;
  const size_t now = in_use += malloc_usable_size(memory);
  size_t seen = peak;
  while (now > seen && !peak.compare_exchange_weak(seen, now)) {
  }
  return memory;
}

void* allocate(size_t size) noexcept { return counted(std::malloc(size == 0 ? 1 : size)); }

void* allocate(size_t size, std::align_val_t alignment) noexcept {
  const auto multiple = static_cast<size_t>(alignment);
  if (size > SIZE_MAX - multiple) return nullptr;
  return counted(std::aligned_alloc(multiple, (size + multiple - 1) / multiple * multiple));
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) noexcept {
  in_use -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

// The forms for arrays call these; a sanitizer has its own, of both, and those are not counted.
void* operator new(size_t size) { return or_throw(allocate(size)); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new(size_t size, std::align_val_t alignment) { return or_throw(allocate(size, alignment)); }
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(size, alignment);
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { release(memory); }

namespace upconv::testing {

PeakMemory::PeakMemory() : before_(in_use) { peak = before_; }

size_t PeakMemory::bytes() const { return peak - before_; }

}  // namespace upconv::testing
