#pragma once
// Growth of run time with problem size.

#include <algorithm>
#include <cstddef>
#include <ctime>

namespace hewn::test {

/// Whether the time of `work(size)` grows much less than quadratically: compares it with the time of an
/// eighth of the size, which a quadratic loop finishes 64 times faster. Measures the processor time of this
/// process, the best of three per size, so that neither the machine's speed nor other processes matter.
template <class Work>
bool far_from_quadratic(size_t size, Work&& work) {
  const auto seconds = [&](size_t n) {
    std::clock_t best = 0;
    for (int i = 0; i < 3; ++i) {
      const std::clock_t start = std::clock();
      work(n);
      const std::clock_t taken = std::clock() - start;
      best = i == 0 ? taken : std::min(best, taken);
    }
    return static_cast<double>(best) / CLOCKS_PER_SEC;
  };
  const double small = seconds(size / 8);
  return seconds(size) < 0.05 + 30 * small;  // an eighth may be too short for the clock
}

}  // namespace hewn::test
