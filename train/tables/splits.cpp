#include "train/tables/splits.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/rng.h"

namespace hewn {
namespace {

// Separates these draws from those of weights, dropout and batches with the same seed.
constexpr uint64_t split_key = 0x7370'6c69'7473'0000;

/// Rounds a side's share of each label in turn, so that rounding does not add up over labels.
class Share {
 public:
  explicit Share(double share) : share_(share) {}
  int64_t of(int64_t rows) {
    exact_ += share_ * static_cast<double>(rows);
    const int64_t before = std::exchange(rounded_, std::llround(exact_));
    return rounded_ - before;
  }

 private:
  double share_, exact_ = 0;
  int64_t rounded_ = 0;
};

void shuffle(std::vector<int64_t>& rows, Rng& rng) {
  for (size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[rng.below(i)]);
}

}  // namespace

SplitShares parse_split(std::string_view text) {
  std::vector<double> parts;
  const char* at = text.data();
  const char* const end = at + text.size();
  bool good = true;
  while (good) {
    double part = 0;
    const auto [next, error] = std::from_chars(at, end, part);
    good = error == std::errc() && std::isfinite(part) && part >= 0 && parts.size() < 3;
    parts.push_back(part);
    at = next;
    if (at == end || !good) break;
    good = *at++ == '/';
  }
  double sum = 0;
  for (const double part : parts) sum += part;
  const double whole = std::abs(sum - 100) < 1e-6 ? 100 : 1;
  good = good && (parts.size() == 2 || parts.size() == 3) && std::abs(sum - whole) < 1e-6 && parts[0] > 0;
  require(
      good, "'", text.substr(0, 100),
      "' is not a split; expected percentages of training, validation and test rows that sum to 100, as in "
      "70/10/20, or of training and test rows, as in 80/20");
  if (parts.size() == 2) return {parts[0] / whole, 0, parts[1] / whole};
  return {parts[0] / whole, parts[1] / whole, parts[2] / whole};
}

SplitShares remaining_shares(SplitShares shares, bool has_val, bool has_test) {
  if (has_val) shares.train += std::exchange(shares.val, 0);
  if (has_test) shares.train += std::exchange(shares.test, 0);
  return shares;
}

RowSplit split_rows(std::span<const int64_t> labels, const SplitShares& shares, uint64_t seed) {
  std::map<int64_t, std::vector<int64_t>> by_label;
  for (size_t row = 0; row < labels.size(); ++row) by_label[labels[row]].push_back(static_cast<int64_t>(row));
  RowSplit split;
  Share val(shares.val), test(shares.test);
  for (auto& [label, rows] : by_label) {
    Rng rng(seed ^ split_key, static_cast<uint64_t>(label));
    shuffle(rows, rng);
    const int64_t n = std::ssize(rows), most = n - 1;  // at least one row is for training
    const int64_t n_test = most > 0 ? std::min(test.of(n), most) : 0;
    const int64_t n_val = most > 0 ? std::min(val.of(n), most - n_test) : 0;
    const auto first_val = rows.begin() + n_test, first_train = first_val + n_val;
    split.test.insert(split.test.end(), rows.begin(), first_val);
    split.val.insert(split.val.end(), first_val, first_train);
    split.train.insert(split.train.end(), first_train, rows.end());
  }
  for (std::vector<int64_t>* side : {&split.train, &split.val, &split.test})
    std::sort(side->begin(), side->end());
  return split;
}

}  // namespace hewn
