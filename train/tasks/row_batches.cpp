#include "train/tasks/row_batches.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace hewn {
namespace {

constexpr int64_t batches_in_piece = 32;
// Separates the order of batches from that of rows.
constexpr uint64_t batch_order_key = 0x6261'7463'6865'7300;

std::vector<int64_t> lengths_of(const std::vector<TrainingRow>& rows) {
  std::vector<int64_t> lengths;
  for (const TrainingRow& row : rows) lengths.push_back(length_of(row));
  return lengths;
}

}  // namespace

void fill_batch(const std::vector<TrainingRow>& rows, const std::vector<int64_t>& numbers, Batch& batch) {
  const auto row_at = [&](int64_t number) -> const TrainingRow& { return rows[static_cast<size_t>(number)]; };
  size_t longest = 1;
  for (const int64_t number : numbers) longest = std::max(longest, row_at(number).tokens.size());
  batch.rows = std::ssize(numbers);
  batch.block_size = static_cast<int64_t>(longest);
  batch.row_weights.clear();
  batch.reference.clear();
  if (std::any_of(numbers.begin(), numbers.end(), [&](int64_t number) { return row_at(number).weight != 1; }))
    for (const int64_t number : numbers) batch.row_weights.push_back(row_at(number).weight);
  batch.tokens.assign(numbers.size() * longest, 0);
  batch.targets.assign(numbers.size() * longest, ignored_target);
  for (size_t b = 0; b < numbers.size(); ++b) {
    const auto at = static_cast<std::ptrdiff_t>(b * longest);
    std::copy(row_at(numbers[b]).tokens.begin(), row_at(numbers[b]).tokens.end(), batch.tokens.begin() + at);
    std::copy(row_at(numbers[b]).targets.begin(), row_at(numbers[b]).targets.end(),
              batch.targets.begin() + at);
  }
}

int64_t length_of(const TrainingRow& row) {
  require(row.tokens.size() == row.targets.size() && !row.tokens.empty(), "a row has ", row.tokens.size(),
          " tokens and ", row.targets.size(), " targets; expected the same number of both, at least one");
  return std::ssize(row.tokens);
}

RowOrder::RowOrder(std::vector<int64_t> lengths, int64_t batch_size, uint64_t seed, Kind kind)
    : lengths_(std::move(lengths)), batch_size_(batch_size), seed_(seed), kind_(kind) {
  require(batch_size >= 1, "batch_size is ", batch_size, "; expected at least 1");
  require(!lengths_.empty(), "there are no rows for batches");
  if (kind == Kind::shuffled) return;
  by_length_.resize(lengths_.size());
  std::iota(by_length_.begin(), by_length_.end(), int64_t{0});
  std::stable_sort(by_length_.begin(), by_length_.end(), [this](int64_t a, int64_t b) {
    return lengths_[static_cast<size_t>(a)] > lengths_[static_cast<size_t>(b)];
  });
}

int64_t RowOrder::batch_count() const { return (std::ssize(lengths_) + batch_size_ - 1) / batch_size_; }

/// The rows of a piece of an epoch's permutation, sorted by length; equal lengths remain in shuffled order.
std::vector<int64_t> RowOrder::piece_of(int64_t piece, int64_t epoch) const {
  const int64_t n = std::ssize(lengths_), size = batches_in_piece * batch_size_, first = piece * size;
  std::vector<int64_t> numbers;
  for (int64_t i = first; i < std::min(first + size, n); ++i)
    numbers.push_back(shuffled(i, n, seed_, static_cast<uint64_t>(epoch)));
  std::stable_sort(numbers.begin(), numbers.end(), [this](int64_t a, int64_t b) {
    return lengths_[static_cast<size_t>(a)] < lengths_[static_cast<size_t>(b)];
  });
  return numbers;
}

std::vector<int64_t> RowOrder::rows_of(int64_t index) const {
  require(index >= 0 && (kind_ == Kind::shuffled || index < batch_count()), "batch ", index,
          " is out of range; there are ", batch_count());
  const int64_t count = batch_count();
  std::vector<int64_t> numbers = by_length_;
  int64_t within = index;
  if (kind_ == Kind::shuffled) {
    const int64_t epoch = index / count;
    const int64_t place =
        shuffled(index % count, count, seed_ ^ batch_order_key, static_cast<uint64_t>(epoch));
    numbers = piece_of(place / batches_in_piece, epoch);
    within = place % batches_in_piece;
  }
  const auto begin = numbers.begin() + within * batch_size_;
  return {begin, begin + std::min<int64_t>(batch_size_, numbers.end() - begin)};
}

RowBatches::RowBatches(std::vector<TrainingRow> rows, int64_t batch_size, uint64_t seed, Order order)
    : rows_(std::move(rows)), order_(lengths_of(rows_), batch_size, seed, order) {}

void RowBatches::fill(int64_t index, Batch& batch) const { fill_batch(rows_, rows_of(index), batch); }

}  // namespace hewn
