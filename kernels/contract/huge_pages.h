#pragma once
// Large vectors on huge pages, allocated like tensors.

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

namespace hewn {

/// Allocates blocks of 4 MiB or more on huge pages if the system has them: fewer page faults and TLB misses.
template <class T>
struct OnHugePages {
  using value_type = T;
  OnHugePages() = default;
  template <class U>
  explicit OnHugePages(const OnHugePages<U>&) {}

  T* allocate(size_t n) {
    constexpr size_t page = size_t{2} << 20, least = 64;
    const size_t bytes = n * sizeof(T), alignment = bytes >= 2 * page ? page : least;
    void* const data = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (!data) throw std::bad_alloc();
    if (alignment == page) madvise(data, bytes, MADV_HUGEPAGE);
    return static_cast<T*>(data);
  }
  void deallocate(T* data, size_t) { std::free(data); }
  bool operator==(const OnHugePages&) const { return true; }
};

template <class T>
using HugeVector = std::vector<T, OnHugePages<T>>;

}  // namespace hewn
