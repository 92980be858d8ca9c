// Allocation that can fail. The C library's own entries are called directly, as looking them up may allocate.

#include <cerrno>
#include <cstddef>

#include "tests/faults/preloaded/session.h"

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
}

namespace {

using namespace hewn::faults;

template <class Real>
void* attempt_memory(const char* name, const void* caller, Real real) {
  const Verdict verdict = judge_memory(name, caller);
  if (verdict == Verdict::fail) return nullptr;
  void* const memory = real();
  if (verdict == Verdict::kill_after) end_process();
  return memory;
}

}  // namespace

extern "C" {

void* malloc(size_t size) noexcept {
  return attempt_memory("malloc", __builtin_return_address(0), [&] { return __libc_malloc(size); });
}

void* calloc(size_t count, size_t size) noexcept {
  return attempt_memory("calloc", __builtin_return_address(0), [&] { return __libc_calloc(count, size); });
}

void* realloc(void* old, size_t size) noexcept {
  return attempt_memory("realloc", __builtin_return_address(0), [&] { return __libc_realloc(old, size); });
}

void* aligned_alloc(size_t alignment, size_t size) noexcept {
  return attempt_memory("aligned_alloc", __builtin_return_address(0),
                        [&] { return __libc_memalign(alignment, size); });
}

void* memalign(size_t alignment, size_t size) noexcept {
  return attempt_memory("memalign", __builtin_return_address(0),
                        [&] { return __libc_memalign(alignment, size); });
}

int posix_memalign(void** memory, size_t alignment, size_t size) noexcept {
  void* const fresh = attempt_memory("posix_memalign", __builtin_return_address(0),
                                     [&] { return __libc_memalign(alignment, size); });
  if (fresh == nullptr) return ENOMEM;
  *memory = fresh;
  return 0;
}
}
