// Numbers as text.

#include "core/text.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

namespace hewn {

TEST_CASE("numbers are printed with their decimals, and NaN without a sign", "[text]") {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  CHECK(fixed(1.25, 1) == "1.2");
  CHECK(fixed(-0.004, 2) == "-0.00");
  CHECK(fixed(1e30, 0) == "1000000000000000019884624838656");
  for (const double x : {nan, -nan}) {
    CHECK(fixed(x, 4) == "nan");
    CHECK(join(x) == "nan");
    CHECK_FALSE(std::signbit(printable(x)));
  }
  CHECK(fixed(-infinity, 4) == "-inf");
  CHECK(join(infinity, " ", 0.5) == "inf 0.5");
  CHECK(printable(-1) == -1);
}

}  // namespace hewn
