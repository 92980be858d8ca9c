#pragma once
// Random inputs that change from run to run and are reproducible: every test program prints its seed, and
// HEWN_TEST_SEED=N repeats it.

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace hewn::test {

/// The seed of this run: HEWN_TEST_SEED, else taken from the clock.
uint64_t run_seed();

/// Numbers from the seed of the run and a label, so that they do not depend on which other tests run.
class Random {
 public:
  explicit Random(std::string_view label);

  uint64_t bits() { return engine_(); }
  /// n random bytes.
  std::string bytes(size_t n) {
    std::string all(n, '\0');
    for (char& c : all) c = static_cast<char>(bits());
    return all;
  }
  /// Uniform in [low, high).
  double uniform(double low = 0, double high = 1);
  /// Uniform in {low, ..., high}, both included.
  int64_t integer(int64_t low, int64_t high);
  /// Standard normal.
  double normal();

  /// `n` normals times `scale`, as float or double.
  template <class T = float>
  std::vector<T> normals(int64_t n, double scale = 1) {
    std::vector<T> values(static_cast<size_t>(n));
    for (T& v : values) v = static_cast<T>(normal() * scale);
    return values;
  }

  /// One of the values at random.
  template <class T>
  const T& one_of(const std::vector<T>& values) {
    return values[static_cast<size_t>(integer(0, static_cast<int64_t>(values.size()) - 1))];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace hewn::test
