// Random numbers have no bias, and their logarithms are those of the libm.

#include "core/rng.h"

#include <cmath>

#include "tests/support/catch.h"

namespace hewn {

TEST_CASE("rng: numbers below a large bound are all equally likely", "[rng]") {
  // Three numbers for four of 64 bits: if none were drawn again, half of all would be multiples of 3.
  constexpr uint64_t bound = uint64_t{3} << 62;
  Rng rng(1);
  int outside = 0, multiples = 0;
  for (int i = 0; i < 30'000; ++i) {
    const uint64_t x = rng.below(bound);
    outside += x >= bound;
    multiples += x % 3 == 0;
  }
  CHECK(outside == 0);
  CHECK(std::abs(multiples - 10'000) < 500);  // six standard deviations
}

TEST_CASE("rng: the portable logarithm is that of the libm, of subnormal numbers too", "[rng]") {
  for (const double x : {0x1p-1074, 0x1.8p-1060, 0x1p-1023, 0x1p-1022, 0.3, 2.5, 1e300}) {
    INFO(x);
    CHECK(std::abs(portable_log(x) / std::log(x) - 1) < 1e-14);
  }
}

}  // namespace hewn
