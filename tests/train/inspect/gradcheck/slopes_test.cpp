// Slopes by differences: what rounding, kinks and bends explain, and what they do not.

#include "train/inspect/gradcheck/gradient_check.h"

#include <cmath>

#include "tests/support/catch.h"

namespace hewn::test {
namespace {

constexpr double noise = 1e-14, exact = 1e-14;  // of a loss near 1

/// A loss near 1 with slope 1e-5 near 0, and a kink at `at`, behind which it is steeper by `more`.
auto kinked(double at, double more) {
  return [=](double s) { return 1 + 1e-5 * s + more * std::max(0.0, s - at); };
}

}  // namespace

TEST_CASE("slopes: a kink at any distance does not make a right slope wrong") {
  for (const double at : {1.9e-3, 1.1e-3, 7e-4, 2e-4, 1e-5})
    for (const double more : {1e-9, 3e-9, 1e-8, 1e-6, 1e-3, 1.0}) {
      const auto f = kinked(at, more);
      const Slope slope = slope_near(1e-5, exact, f, noise);
      INFO("kink at " << at << " of " << more << ": " << slope.value << " within " << slope.allowed);
      CHECK((slope.excess(1e-5) <= exact || !kink_at(std::abs(slope.value - 1e-5), f, noise).empty()));
    }
}

TEST_CASE("slopes: a wrong slope stays wrong beside a kink and without one") {
  for (const double wrong : {1.00002e-5, 1.01e-5, 2e-5, 0.0, -1e-5}) {
    INFO(wrong);
    CHECK(slope_near(wrong, exact, kinked(1, 0), noise).excess(wrong) > 1e-11);
    CHECK(slope_near(wrong, exact, kinked(1.1e-3, 1e-8), noise).excess(wrong) > 1e-11);
  }
  CHECK(std::isnan(slope_near(std::nan(""), exact, kinked(1, 0), noise).excess(std::nan(""))));
}

TEST_CASE("slopes: those beside a kink are named, and a bend has none") {
  CHECK(kink_at(
            0.5, [](double s) { return s > 0 ? s : 0; }, noise) == "slope 0 to the left, 1 to the right");
  CHECK(kink_at(
            0.5, [](double s) { return std::exp(s); }, noise)
            .empty());
}

}  // namespace hewn::test
