#pragma once
// How the time of something grows with its size.

#include <algorithm>
#include <cstddef>
#include <ctime>

namespace hewn::test {

/// Whether the time that `work(size)` takes grows much less than with the square of `size`: it is compared with that of
/// an eighth of the size, which for a loop in a loop is 64 times shorter. Speed does not count, nor do other
/// processes: time is this process's time on the processor, of each size the best of three.
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
