#pragma once
// Counts what a reader allocates. Linking memory.cpp replaces the program's operator new and delete.

#include <cstddef>
#include <functional>

namespace hewn::test {

/// The allocations of the calling thread, in bytes as the allocator rounds them.
struct Allocated {
  size_t peak = 0;   ///< the most that was held at once, beyond what was held before
  size_t total = 0;  ///< of all allocations, freed or not; stands for the work done in them
};

/// What `work` allocates. Must not be nested.
Allocated allocated_by(const std::function<void()>& work);

}  // namespace hewn::test
