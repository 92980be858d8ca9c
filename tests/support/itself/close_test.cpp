#include "tests/support/close.h"

#include <limits>
#include <vector>

#include "core/dtype.h"
#include "tests/support/catch.h"

using namespace hewn::test;

namespace {
const double quiet_nan = std::numeric_limits<double>::quiet_NaN();
const double inf = std::numeric_limits<double>::infinity();
using Values = std::vector<double>;
}  // namespace

TEST_CASE("NaN is close to nothing", "[support]") {
  for (const Values& bad : {Values{quiet_nan, 1}, Values{0, quiet_nan}}) {
    CHECK_FALSE(close_by_norm(bad, Values{0, 1}, 1e9));
    CHECK_FALSE(close_by_norm(Values{0, 1}, bad, 1e9));
    CHECK_FALSE(close_by_norm(bad, bad, 1e9));
    CHECK_FALSE(close_abs(bad, Values{0, 1}, 1e9));
    CHECK_FALSE(close_abs(Values{0, 1}, bad, 1e9));
    CHECK_FALSE(close_rel(bad, bad, 1e9));
  }
}

TEST_CASE("infinities equal themselves only", "[support]") {
  CHECK(close_by_norm(Values{-inf, 1}, Values{-inf, 1}, 1e-9));
  CHECK_FALSE(close_by_norm(Values{inf, 1}, Values{-inf, 1}, 1e9));
  CHECK_FALSE(close_by_norm(Values{0, 1}, Values{-inf, 1}, 1e9));
  CHECK_FALSE(close_abs(Values{inf}, Values{1}, 1e300));
}

TEST_CASE("closeness by norm is relative with a lower bound", "[support]") {
  CHECK(close_by_norm(Values{3, 4 + 4e-6}, Values{3, 4}, 1e-6));
  CHECK_FALSE(close_by_norm(Values{3, 4 + 6e-6}, Values{3, 4}, 1e-6));
  CHECK(close_by_norm(Values{1e-13, 0}, Values{0, 0}, 1e-6));
  CHECK_FALSE(close_by_norm(Values{1e-11, 0}, Values{0, 0}, 1e-6));
  CHECK_FALSE(close_by_norm(Values{1}, Values{1, 1}, 1e9));
  CHECK(close_by_norm(Values{}, Values{}, 0));
}

TEST_CASE("closeness to bf16 is half the distance of its numbers", "[support]") {
  const double next = 1 + 1.0 / 128;
  CHECK(close_to_bf16(Values{1, -1, 0}, Values{1 + 1.0 / 256, -1 - 1.0 / 256, 0}, 0));
  CHECK_FALSE(close_to_bf16(Values{next}, Values{1 + 1.0 / 300}, 0));
  CHECK(close_to_bf16(Values{next}, Values{1 + 1.0 / 300}, 1e-3));
  CHECK_FALSE(close_to_bf16(Values{quiet_nan}, Values{1}, 1));
}

TEST_CASE("closeness takes any float type", "[support]") {
  CHECK(close_abs(std::vector<float>{0.5F}, std::vector<hewn::BFloat16>{hewn::BFloat16(0.5F)}, 0));
  CHECK_FALSE(close_rel(Values{1.1}, Values{1}, 0.05));
}
