#include "tests/support/growth.h"

#include "tests/support/catch.h"

using hewn::test::far_from_quadratic;

TEST_CASE("a loop in a loop is told from a loop", "[support]") {
  volatile size_t sum = 0;
  CHECK(far_from_quadratic(size_t{1} << 22, [&](size_t n) {
    for (size_t i = 0; i < n; ++i) sum = sum + i;
  }));
  CHECK_FALSE(far_from_quadratic(size_t{1} << 14, [&](size_t n) {
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) sum = sum + j;
  }));
}
