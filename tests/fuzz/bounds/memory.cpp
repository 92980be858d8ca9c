#include "tests/fuzz/bounds/memory.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace hewn::test {
namespace {

struct Count {
  bool on = false;
  // Signed, since memory from before may be freed meanwhile.
  long long held = 0, peak = 0, total = 0;
};
thread_local Count count;

void* counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  if (count.on) {
    const auto bytes = static_cast<long long>(::malloc_usable_size(memory));
    count.held += bytes;
    count.total += bytes;
    count.peak = std::max(count.peak, count.held);
  }
  return memory;
}

void release(void* memory) noexcept {
  if (count.on && memory != nullptr) count.held -= static_cast<long long>(::malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

Allocated allocated_by(const std::function<void()>& work) {
  count = {.on = true};
  try {
    work();
  } catch (...) {
    count.on = false;
    throw;
  }
  count.on = false;
  return {static_cast<size_t>(count.peak), static_cast<size_t>(count.total)};
}

}  // namespace hewn::test

// The other forms of new and delete call these.
void* operator new(std::size_t bytes) { return hewn::test::counted(std::malloc(std::max<size_t>(bytes, 1))); }
// Sanitizers have one of their own, which these functions could not release.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return ::operator new(bytes); }
void operator delete(void* memory) noexcept { hewn::test::release(memory); }
void operator delete(void* memory, std::size_t) noexcept { hewn::test::release(memory); }
