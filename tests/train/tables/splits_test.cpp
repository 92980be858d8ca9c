// Splits: sizes, strata, and what they depend on.

#include "train/tables/splits.h"

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

using test::fails;

std::vector<int64_t> labels_of(std::initializer_list<int64_t> counts) {
  std::vector<int64_t> labels;
  int64_t label = 0;
  for (const int64_t count : counts) labels.insert(labels.end(), static_cast<size_t>(count), label++);
  return labels;
}

int64_t count_of(const std::vector<int64_t>& rows, const std::vector<int64_t>& labels, int64_t label) {
  return std::count_if(rows.begin(), rows.end(),
                       [&](int64_t row) { return labels[static_cast<size_t>(row)] == label; });
}

}  // namespace

TEST_CASE("splits: percentages and fractions are parsed, anything else is refused") {
  const SplitShares shares = parse_split("70/10/20");
  CHECK(shares.train == 0.7);
  CHECK(shares.val == 0.1);
  CHECK(shares.test == 0.2);
  CHECK(parse_split("80/20").val == 0);
  CHECK(parse_split("80/20").test == 0.2);
  CHECK(parse_split("0.5/0.25/0.25").train == 0.5);
  CHECK(parse_split("100/0/0").train == 1);
  for (const char* wrong : {"", "70", "70/20", "70/10/20/0", "0/50/50", "-10/60/50", "70/10/", "/50/50",
                            "nan/1", "70/10/20x", "1e309/1", "70:30", "inf/inf"})
    CHECK(fails(ErrorCode::usage, {join("'", wrong, "' is not a split"), "70/10/20"},
                [&] { parse_split(wrong); }));
}

TEST_CASE("splits: rows of other files need no share") {
  const SplitShares shares{0.7, 0.1, 0.2};
  CHECK(remaining_shares(shares, false, false).train == Approx(0.7));
  CHECK(remaining_shares(shares, false, true).train == Approx(0.9));
  CHECK(remaining_shares(shares, false, true).val == Approx(0.1));
  CHECK(remaining_shares(shares, false, true).test == 0);
  CHECK(remaining_shares(shares, true, true).train == Approx(1));
}

TEST_CASE("splits: every label has its share on every side") {
  const std::vector<int64_t> labels = labels_of({4827, 747, 10, 1});
  const RowSplit split = split_rows(labels, {0.7, 0.1, 0.2}, 3);
  CHECK(std::abs(std::ssize(split.test) - 1117) <= 1);
  CHECK(std::abs(std::ssize(split.val) - 558) <= 1);
  CHECK(std::abs(count_of(split.test, labels, 0) - 965) <= 1);
  CHECK(std::abs(count_of(split.test, labels, 1) - 149) <= 1);
  CHECK(std::abs(count_of(split.val, labels, 1) - 75) <= 1);
  CHECK(count_of(split.train, labels, 3) == 1);  // a single row is for training
  std::vector<int64_t> all(split.train);
  all.insert(all.end(), split.val.begin(), split.val.end());
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::sort(all.begin(), all.end());
  for (size_t i = 0; i < labels.size(); ++i) CHECK(all[i] == static_cast<int64_t>(i));
}

TEST_CASE("splits: depend on seed, labels and shares only") {
  const std::vector<int64_t> labels = labels_of({50, 30});
  const SplitShares shares{0.8, 0.1, 0.1};
  CHECK(split_rows(labels, shares, 7).test == split_rows(labels, shares, 7).test);
  CHECK(split_rows(labels, shares, 7).test != split_rows(labels, shares, 8).test);
  // Another label does not change which rows of the first one are drawn.
  const RowSplit other = split_rows(labels_of({50, 40}), shares, 7), one = split_rows(labels, shares, 7);
  CHECK(std::equal(one.test.begin(), one.test.begin() + 5, other.test.begin()));
}

TEST_CASE("splits: sizes hold for random labels and shares") {
  test::Random random("splits");
  for (int round = 0; round < 200; ++round) {
    std::vector<int64_t> labels;
    for (int64_t n = random.integer(0, 200); n > 0; --n)
      labels.push_back(random.integer(0, random.integer(0, 20)));
    const double test = random.uniform(0, 0.5), val = random.uniform(0, 0.4);
    const RowSplit split = split_rows(labels, {1 - test - val, val, test}, random.bits());
    CHECK(split.train.size() + split.val.size() + split.test.size() == labels.size());
    for (int64_t label = 0; label <= 20; ++label) {
      const auto n = static_cast<double>(std::count(labels.begin(), labels.end(), label));
      if (n == 0) continue;
      CHECK(count_of(split.train, labels, label) >= 1);
      CHECK(std::abs(static_cast<double>(count_of(split.test, labels, label)) - n * test) <=
            (n < 30 ? 2.0 : 1.0));
      CHECK(std::abs(static_cast<double>(count_of(split.val, labels, label)) - n * val) <=
            (n < 30 ? 2.0 : 1.0));
    }
  }
}

}  // namespace hewn
