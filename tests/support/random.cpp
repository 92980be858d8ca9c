#include "tests/support/random.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <numbers>

namespace hewn::test {

uint64_t run_seed() {
  static const uint64_t seed = [] {
    if (const char* given = std::getenv("HEWN_TEST_SEED")) return std::strtoull(given, nullptr, 10);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<unsigned long long>(now.count()) % 1'000'000'007ULL;
  }();
  return seed;
}

Random::Random(std::string_view label) {
  uint64_t hash = run_seed() ^ 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char c : label) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  engine_.seed(hash);
}

double Random::uniform(double low, double high) {
  return low + (high - low) * (static_cast<double>(bits() >> 11) * 0x1p-53);
}

int64_t Random::integer(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(bits() % static_cast<uint64_t>(high - low + 1));
}

double Random::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

}  // namespace hewn::test
