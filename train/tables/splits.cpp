#include "train/tables/splits.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
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
  /// Adds rows that the side did not get to its share of the next label.
  void owe(int64_t rows) { rounded_ -= rows; }

 private:
  double share_, exact_ = 0;
  int64_t rounded_ = 0;
};

/// A side and the rows that it should still get.
struct Room {
  std::vector<int64_t> RowSplit::*side;
  int64_t left;
};

void shuffle(std::vector<size_t>& rows, Rng& rng) {
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

RowSplit split_rows(std::span<const int64_t> labels, const SplitShares& shares, uint64_t seed,
                    std::span<const int64_t> first) {
  const auto group_of = [&](size_t row) { return first.empty() ? row : static_cast<size_t>(first[row]); };
  std::vector<int64_t> sizes(labels.size());
  std::map<int64_t, std::vector<size_t>> by_label;  // groups, each by the label of its first row
  for (size_t row = 0; row < labels.size(); ++row)
    if (++sizes[group_of(row)] == 1) by_label[labels[row]].push_back(row);
  std::vector<std::vector<int64_t> RowSplit::*> sides(labels.size(), &RowSplit::train);
  Share test(shares.test), val(shares.val);
  for (auto& [label, groups] : by_label) {
    Rng rng(seed ^ split_key, static_cast<uint64_t>(label));
    shuffle(groups, rng);
    int64_t rows = 0;
    for (const size_t group : groups) rows += sizes[group];
    size_t training = groups.size();  // at least one is for training
    if (training == 1) continue;
    Room rooms[] = {{&RowSplit::test, test.of(rows)}, {&RowSplit::val, val.of(rows)}};
    const auto move_if_within = [&](size_t group, Room& room, int64_t most) {
      if (sizes[group] > most || sides[group] != &RowSplit::train || training == 1) return;
      sides[group] = room.side;
      room.left -= sizes[group];
      --training;
    };
    for (const size_t group : groups)
      for (Room& room : rooms) move_if_within(group, room, room.left);
    if (first.empty()) continue;
    // Where only larger ones are left, the smallest may bring a side closer to its share.
    std::stable_sort(groups.begin(), groups.end(), [&](size_t a, size_t b) { return sizes[a] < sizes[b]; });
    for (Room& room : rooms)
      for (const size_t group : groups) move_if_within(group, room, 2 * room.left);
    test.owe(rooms[0].left);
    val.owe(rooms[1].left);
  }
  // A side is left empty only if its share is less than half a row.
  for (const auto& [side, share] : {std::pair{&RowSplit::test, shares.test}, {&RowSplit::val, shares.val}}) {
    const bool wanted = std::llround(share * static_cast<double>(labels.size())) > 0;
    if (first.empty() || !wanted || std::count(sides.begin(), sides.end(), side) > 0) continue;
    const size_t* smallest = nullptr;
    for (const auto& [label, groups] : by_label) {
      const auto trains = [&](size_t group) { return sides[group] == &RowSplit::train; };
      if (std::count_if(groups.begin(), groups.end(), trains) < 2) continue;
      for (const size_t& group : groups)
        if (trains(group) && (!smallest || sizes[group] < sizes[*smallest])) smallest = &group;
    }
    if (smallest) sides[*smallest] = side;
  }
  std::set<int64_t> learned;  // labels; every one has a training row, also if its texts have others, too
  for (size_t row = 0; row < labels.size(); ++row)
    if (sides[group_of(row)] == &RowSplit::train) learned.insert(labels[row]);
  for (size_t row = 0; row < labels.size(); ++row)
    if (learned.insert(labels[row]).second) sides[group_of(row)] = &RowSplit::train;
  RowSplit split;
  for (size_t row = 0; row < labels.size(); ++row)
    (split.*sides[group_of(row)]).push_back(static_cast<int64_t>(row));
  return split;
}

std::vector<int64_t> kept_together(std::string_view what, std::span<const std::string_view> texts,
                                   std::vector<std::string>& notes) {
  std::vector<size_t> order(texts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return texts[a] < texts[b]; });
  std::vector<int64_t> first(texts.size());
  std::iota(first.begin(), first.end(), int64_t{0});
  int64_t repeated = 0;
  for (size_t i = 1; i < order.size(); ++i) {
    if (texts[order[i]] != texts[order[i - 1]]) continue;
    first[order[i]] = first[order[i - 1]];
    ++repeated;
  }
  if (repeated > 0)
    notes.push_back(join(repeated, repeated == 1 ? " row repeats" : " rows repeat", " the ", what,
                         " of another row; rows with the same ", what, " are on the same side of the split"));
  return first;
}

void note_overlap(std::string_view what, std::string_view side, std::span<const std::string_view> texts,
                  std::vector<std::string_view> train, std::vector<std::string>& notes) {
  std::sort(train.begin(), train.end());
  const auto known = std::count_if(texts.begin(), texts.end(), [&](std::string_view text) {
    return std::binary_search(train.begin(), train.end(), text);
  });
  if (known > 0)
    notes.push_back(join(known, " of ", texts.size(), " ", side, known == 1 ? " rows has" : " rows have",
                         " the same ", what, " as a training row, so scores on them are too optimistic"));
}

}  // namespace hewn
