#pragma once
// Runs the parts of lessons' parallel regions one by one to record which elements each part writes. This
// finds races deterministically, on any machine.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/not_copied.h"

namespace hewn {

/// Replaces parallel_region (kernels/contract/parallel.h) in lessons that are rungs, which are compiled with
/// -Dparallel_region=judged_region. Behaves the same unless a RegionWatch exists.
void judged_region(int threads, int parts, void (*body)(void* context, int part), void* context);

}  // namespace hewn

namespace hewn::cli::learn {

/// An element that two parts of a region write.
struct Race {
  size_t element = 0;
  int first = 0, second = 0;  ///< the parts
};

/// While it exists, the parts of a region run one after another, each on the initial content of `memory`.
/// Afterwards `memory` holds the writes of all parts. At most one watch can exist.
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
