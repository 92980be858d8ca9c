#pragma once
// Intervals of a proportion, such as an accuracy.

#include <cstdint>

namespace hewn {

struct Bounds {
  double low = 0, high = 0;
};

/// The 95% score interval of a proportion, given `hits` out of `n` (Wilson, "Probable inference, the law of
/// succession, and statistical inference", 1927): unlike hits / n +- 1.96 standard errors, it stays within 0
/// and 1 and has a positive width even for 0 or n hits. n = 0 gives 0 to 1.
Bounds wilson_interval(int64_t hits, int64_t n);

}  // namespace hewn
