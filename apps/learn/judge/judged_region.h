#pragma once
// Parallel regions of lessons, whose parts are run one by one to see which elements each of them writes. A race is then
// found on any machine and in every run, whatever the threads happen to do.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/not_copied.h"

namespace hewn {

/// Called by lessons that are rungs in the place of parallel_region (kernels/contract/parallel.h), since they are
/// compiled with -Dparallel_region=judged_region. The same function, unless a RegionWatch exists.
void judged_region(int threads, int parts, void (*body)(void* context, int part), void* context);

}  // namespace hewn

namespace hewn::cli::learn {

/// An element that two parts of a region write.
struct Race {
  size_t element = 0;
  int first = 0, second = 0;  ///< the parts
};

/// While it exists, the parts of a region are run one after the other, each on `memory` as it was before the region.
/// Afterwards it holds what each part wrote. There is at most one watch.
class RegionWatch : NotCopied {
 public:
  explicit RegionWatch(std::span<uint32_t> memory);
  ~RegionWatch();
  void run(int parts, void (*body)(void* context, int part), void* context);
  /// The first race of all regions so far.
  const std::optional<Race>& race() const { return race_; }

 private:
  std::span<uint32_t> memory_;
  std::optional<Race> race_;
};

}  // namespace hewn::cli::learn
