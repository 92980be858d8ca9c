// How far vectors are apart, also those of numbers that are not finite.

#include "train/inspect/divergence.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

namespace hewn {

TEST_CASE("distance: relative to the reference, by norm", "[inspect]") {
  CHECK(distance_by_norm({3, 5}, {3, 4}) == 0.2);
  CHECK(distance_by_norm({3, 4}, {3, 4}) == 0);
  CHECK(distance_by_norm({}, {}) == 0);
  CHECK(distance_by_norm({0, 0}, {0, 0}) == 0);
  // The reference is nearly zero: relative to 1e-6 for each of the elements.
  CHECK(std::abs(distance_by_norm({1e-6, 0, 0, 0}, {0, 0, 0, 1e-9}) - 0.5) < 1e-5);
}

TEST_CASE("distance: infinite where sizes or what is not finite differ", "[inspect]") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  CHECK(distance_by_norm({1}, {1, 1}) == infinity);
  CHECK(distance_by_norm({nan, infinity, -infinity, 5}, {nan, infinity, -infinity, 4}) == 0.25);
  for (const double strange : {nan, infinity, -infinity}) {
    INFO(strange);
    CHECK(distance_by_norm({1, strange}, {1, 2}) == infinity);
    CHECK(distance_by_norm({1, 2}, {1, strange}) == infinity);
  }
  CHECK(distance_by_norm({infinity}, {-infinity}) == infinity);
  CHECK(distance_by_norm({nan}, {infinity}) == infinity);
}

}  // namespace hewn
