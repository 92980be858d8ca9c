#pragma once
// The caches and cores of this machine.

#include <cstddef>
#include <string>
#include <vector>

namespace hewn {

/// One level of data cache.
struct CacheLevel {
  int level = 0;        ///< 1 is nearest to the core
  size_t bytes = 0;     ///< of one such cache
  bool shared = false;  ///< one for several cores, rather than one for each
};

/// The levels, nearest first, as reported by the system; if it reports none, 32 KiB, 1 MiB and a shared 32
/// MiB.
const std::vector<CacheLevel>& cache_levels();
/// Size of the last level, in bytes.
size_t last_level_cache();

/// The physical core of a processor: two hardware threads of a core have the same text. "" if the system
/// reports nothing.
std::string core_of(int processor);
/// Physical cores: two hardware threads of a core count once. As reported by the system; if it reports
/// nothing, the number of processors that this process may use.
int physical_cores();

}  // namespace hewn
