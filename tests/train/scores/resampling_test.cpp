// Intervals and tests of significance against numbers computed by hand.

#include "train/scores/resampling.h"

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

using test::near;

/// `right` rows of 1 and `wrong` rows of 0.
RowFigures rows_of(int right, int wrong) {
  RowFigures rows(static_cast<size_t>(right), {1.0});
  rows.resize(static_cast<size_t>(right + wrong), {0.0});
  return rows;
}

}  // namespace

TEST_CASE("mcnemar: the exact two-sided probability", "[scores]") {
  CHECK(near(mcnemar(1, 5), 2 * (1 + 6) / 64.0));
  CHECK(near(mcnemar(5, 1), mcnemar(1, 5)));
  CHECK(near(mcnemar(0, 10), 2 / 1024.0));
  CHECK(mcnemar(0, 0) == 1);
  CHECK(mcnemar(3, 3) == 1);
  // 2000 rows, where 2^n overflows a double: the normal approximation with continuity correction.
  const double z = (1040 - 1000 - 0.5) / std::sqrt(500.0);
  CHECK(near(mcnemar(960, 1040), std::erfc(z / std::sqrt(2.0)), 2e-4));
}

TEST_CASE("bootstrap: the interval of a mean", "[scores]") {
  const RowFigures rows = rows_of(300, 700);
  const Interval found = bootstrapped(rows, mean_of_rows, {.seed = 7, .samples = 4000});
  CHECK(near(found.value, 0.3));
  const double deviation = std::sqrt(0.3 * 0.7 / 1000);
  CHECK(near(found.low, 0.3 - 1.96 * deviation, 0.2 * deviation));
  CHECK(near(found.high, 0.3 + 1.96 * deviation, 0.2 * deviation));
  const Interval again = bootstrapped(rows, mean_of_rows, {.seed = 7, .samples = 4000});
  CHECK((again.low == found.low && again.high == found.high));
  const Interval other = bootstrapped(rows, mean_of_rows, {.seed = 8, .samples = 4000});
  CHECK((other.low != found.low || other.high != found.high));
  const Interval sure = bootstrapped(rows_of(5, 0), mean_of_rows);
  CHECK((sure.low == 1 && sure.high == 1));
  CHECK(test::fails(ErrorCode::usage, {"at least one row"}, [] { bootstrapped({}, mean_of_rows); }));
}

TEST_CASE("bootstrap: figures of a corpus are summed before the metric", "[scores]") {
  // matches and possibilities: 3 of 10, and not the mean of 1/2 and 2/8
  const auto ratio = [](std::span<const double> sums, double) { return sums[0] / sums[1]; };
  CHECK(near(bootstrapped({{1, 2}, {2, 8}}, ratio).value, 0.3));
}

TEST_CASE("bootstrap: pairs keep what two systems have in common", "[scores]") {
  // b is right where a is, and on 20 rows more: far narrower than two independent intervals
  RowFigures a = rows_of(500, 500), b = a;
  for (size_t i = 500; i < 520; ++i) b[i] = {1.0};
  const Interval found = bootstrapped_difference(a, b, mean_of_rows);
  CHECK(near(found.value, 0.02));
  const double deviation = std::sqrt(0.02 * 0.98 / 1000);
  CHECK(near(found.low, 0.02 - 1.96 * deviation, 0.3 * deviation));
  CHECK(near(found.high, 0.02 + 1.96 * deviation, 0.3 * deviation));
  const Interval none = bootstrapped_difference(a, a, mean_of_rows);
  CHECK((none.value == 0 && none.low == 0 && none.high == 0));
  CHECK(test::fails(ErrorCode::usage, {"1000 and 1"},
                    [&] { bootstrapped_difference(a, rows_of(1, 0), mean_of_rows); }));
}

TEST_CASE("bootstrap: the mean over tasks draws rows within each", "[scores]") {
  const RowFigures tasks[] = {rows_of(50, 50), rows_of(300, 100)};
  const Interval found = bootstrapped_mean(tasks, {.seed = 3, .samples = 4000});
  CHECK(near(found.value, (0.5 + 0.75) / 2));
  const double deviation = std::sqrt(0.5 * 0.5 / 100 + 0.75 * 0.25 / 400) / 2;
  CHECK(near(found.low, found.value - 1.96 * deviation, 0.3 * deviation));
  CHECK(near(found.high, found.value + 1.96 * deviation, 0.3 * deviation));
}

TEST_CASE("bootstrap and mcnemar: figures that make no sense are refused", "[scores]") {
  const auto refused = [](const char* part, auto action) {
    return test::fails(ErrorCode::usage, {part}, action);
  };
  CHECK(refused("paired bootstrap of 0 and 0 rows", [] { bootstrapped_difference({}, {}, mean_of_rows); }));
  CHECK(refused("bootstrap with 0 samples; expected 1 or more",
                [] { bootstrapped(rows_of(1, 1), mean_of_rows, {.samples = 0}); }));
  CHECK(refused("rows with 1 and 2 figures; expected the same number in all rows", [] {
    bootstrapped(RowFigures{{1.0}, {1.0, 2.0}}, mean_of_rows);
  }));
  CHECK(refused("at least one task", [] { bootstrapped_mean({}); }));
  CHECK(refused("McNemar's test of -1 and 2 rows", [] { mcnemar(-1, 2); }));
  CHECK(refused("McNemar's test of 2 and -1 rows", [] { mcnemar(2, -1); }));
}

}  // namespace hewn
