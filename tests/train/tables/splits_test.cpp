// Splits: sizes, strata, and what they depend on.

#include "train/tables/splits.h"

#include <algorithm>
#include <numeric>

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

TEST_CASE("splits: rows of the same text are found by their bytes") {
  const std::vector<std::string_view> texts{"b", "a", "b ", "b", "", "a", "B", "b"};
  std::vector<std::string> notes;
  CHECK(kept_together("text", texts, notes) == std::vector<int64_t>{0, 1, 2, 0, 4, 1, 6, 0});
  CHECK(kept_together("prompt", std::vector<std::string_view>{"b", "b"}, notes) ==
        std::vector<int64_t>{0, 0});
  CHECK(kept_together("text", std::vector<std::string_view>{"b", "a"}, notes) == std::vector<int64_t>{0, 1});
  CHECK(kept_together("text", {}, notes).empty());
  note_overlap("text", "test", std::vector<std::string_view>{"a", "b", "a"}, {"c", "a"}, notes);
  note_overlap("text", "validation", std::vector<std::string_view>{"x"}, {"c", "a"}, notes);
  REQUIRE(notes.size() == 3);
  CHECK(notes[0].starts_with("3 rows repeat the text of another row; rows with the same text are"));
  CHECK(notes[1].starts_with("1 row repeats the prompt of another row; "));
  CHECK(notes[2].starts_with("2 of 3 test rows have the same text as a training row"));
}

TEST_CASE("splits: rows of the same text stay together, and sides keep their shares") {
  test::Random random("groups");
  for (int round = 0; round < 200; ++round) {
    const int64_t largest = random.integer(1, 6), kinds = random.integer(1, 4);
    std::vector<int64_t> labels, first;
    for (int64_t group = random.integer(20, 100); group > 0; --group) {
      const int64_t head = std::ssize(labels), label = random.integer(0, kinds - 1);
      for (int64_t size = random.integer(1, largest); size > 0; --size) {
        const bool contradicts = random.integer(0, 20) == 0;
        labels.push_back(contradicts ? random.integer(0, kinds - 1) : label);
        first.push_back(head);
      }
    }
    const uint64_t seed = random.bits();
    const SplitShares shares{0.7, 0.1, 0.2};
    const RowSplit split = split_rows(labels, shares, seed, first);
    CHECK(split.test == split_rows(labels, shares, seed, first).test);
    CHECK(split.train.size() + split.val.size() + split.test.size() == labels.size());
    std::vector<int> side(labels.size(), 0);
    for (const int64_t row : split.val) side[static_cast<size_t>(row)] = 1;
    for (const int64_t row : split.test) side[static_cast<size_t>(row)] = 2;
    for (size_t row = 0; row < labels.size(); ++row)
      CHECK(side[row] == side[static_cast<size_t>(first[row])]);
    const auto n = static_cast<double>(labels.size()), most = static_cast<double>(largest);
    CHECK(std::abs(static_cast<double>(split.test.size()) - 0.2 * n) <=
          most / 2 + static_cast<double>(kinds));
    CHECK(std::abs(static_cast<double>(split.val.size()) - 0.1 * n) <= most / 2 + static_cast<double>(kinds));
    for (const int64_t label : labels) CHECK(count_of(split.train, labels, label) > 0);
    // Texts that all differ are divided as if nothing were known of them.
    std::vector<int64_t> apart(labels.size());
    std::iota(apart.begin(), apart.end(), int64_t{0});
    CHECK(split_rows(labels, shares, seed, apart).test == split_rows(labels, shares, seed).test);
    CHECK(split_rows(labels, shares, seed, apart).val == split_rows(labels, shares, seed).val);
  }
}

TEST_CASE("splits: every label keeps a training row, even if all its texts have others, too") {
  // Label 1 occurs only in texts whose first row has label 0.
  const std::vector<int64_t> labels{0, 1, 1, 0, 0, 0, 2, 0}, first{0, 0, 0, 3, 4, 5, 6, 6};
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const RowSplit split = split_rows(labels, {0.3, 0.3, 0.4}, seed, first);
    for (const int64_t label : {0, 1, 2}) CHECK(count_of(split.train, labels, label) > 0);
  }
}

TEST_CASE("splits: sides get groups that are larger than their share if that comes as close") {
  std::vector<int64_t> first;
  for (int64_t row = 0; row < 50; ++row) first.push_back(row / 10 * 10);
  const RowSplit split = split_rows(std::vector<int64_t>(50, 0), {0.7, 0.1, 0.2}, 1, first);
  CHECK(split.val.size() == 10);  // none would be as far from 5
  CHECK(split.test.size() == 10);
  // Pairs of many labels, each of which should have one row of the test.
  std::vector<int64_t> labels, pairs;
  for (int64_t row = 0; row < 500; ++row)
    labels.push_back(row / 5), pairs.push_back(row % 5 / 2 * 2 + row / 5 * 5);
  CHECK(std::abs(std::ssize(split_rows(labels, {0.8, 0, 0.2}, 1, pairs).test) - 100) <= 1);
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
