// Takes the place of malloc, pthread_mutex_lock and their like in the whole process, and counts.
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "tests/allocations.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UPCONV_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UPCONV_SANITIZED
#endif

#if defined(__GLIBC__) && !defined(UPCONV_SANITIZED)
#include <dlfcn.h>

// The linker says where this program's own code lies, glibc under which names its functions remain.
extern "C" {
extern const char __executable_start, etext;
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
}

namespace {

std::atomic<size_t> program_allocations = 0, program_locks = 0;
constinit thread_local size_t thread_allocations = 0, thread_locks = 0;

bool own(const void* caller) { return caller >= &__executable_start && caller < &etext; }

void count_allocation(const void* caller) {
  ++thread_allocations;
  if (own(caller)) ++program_allocations;
}

void count_lock(const void* caller) {
  ++thread_locks;
  if (own(caller)) ++program_locks;
}

/// The function of that name in the libraries.
template <class F>
F* real(std::atomic<F*>& known, const char* name) {
  F* function = known.load(std::memory_order_relaxed);
  if (!function) known.store(function = reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name)), std::memory_order_relaxed);
  return function;
}

}  // namespace

#define UPCONV_CALLER __builtin_return_address(0)

extern "C" {

void* malloc(size_t size) {
  count_allocation(UPCONV_CALLER);
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  count_allocation(UPCONV_CALLER);
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  count_allocation(UPCONV_CALLER);
  return __libc_realloc(memory, size);
}
void* memalign(size_t alignment, size_t size) {
  count_allocation(UPCONV_CALLER);
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  count_allocation(UPCONV_CALLER);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  count_allocation(UPCONV_CALLER);
  *memory = __libc_memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}

int pthread_mutex_lock(pthread_mutex_t* mutex) {
  static std::atomic<int (*)(pthread_mutex_t*)> known = nullptr;
  count_lock(UPCONV_CALLER);
  return real(known, "pthread_mutex_lock")(mutex);
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) {
  static std::atomic<int (*)(pthread_mutex_t*)> known = nullptr;
  count_lock(UPCONV_CALLER);
  return real(known, "pthread_mutex_trylock")(mutex);
}
int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  static std::atomic<int (*)(pthread_rwlock_t*)> known = nullptr;
  count_lock(UPCONV_CALLER);
  return real(known, "pthread_rwlock_rdlock")(lock);
}
int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  static std::atomic<int (*)(pthread_rwlock_t*)> known = nullptr;
  count_lock(UPCONV_CALLER);
  return real(known, "pthread_rwlock_wrlock")(lock);
}
}

namespace upconv::testing {

bool Calls::counted() { return true; }
Calls Calls::of_thread() { return {thread_allocations, thread_locks}; }
Calls Calls::of_program() { return {program_allocations, program_locks}; }

}  // namespace upconv::testing

#else

namespace upconv::testing {

bool Calls::counted() { return false; }
Calls Calls::of_thread() { return {}; }
Calls Calls::of_program() { return {}; }

}  // namespace upconv::testing

#endif
