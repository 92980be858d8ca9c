#pragma once
// The caches and cores of this machine.

#include <cstddef>
#include <vector>

namespace hewn {

/// One level of data cache.
struct CacheLevel {
  int level = 0;        ///< 1 is nearest to the core
  size_t bytes = 0;     ///< of one such cache
  bool shared = false;  ///< one for several cores, rather than one for each
};

/// The levels, nearest first, as the system tells; 32 KiB, 1 MiB and shared 32 MiB where it does not.
const std::vector<CacheLevel>& cache_levels();
/// Bytes of the last level.
size_t last_level_cache();

/// Cores that compute side by side: two hardware threads of one count once. As the system tells; the
/// processors that this process may use where it does not.
int physical_cores();

}  // namespace hewn
