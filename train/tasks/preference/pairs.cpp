#include "train/tasks/preference/pairs.h"

#include <algorithm>

namespace hewn {
namespace {

int64_t length_of(const PreferencePair& pair) {
  return std::max(hewn::length_of(pair.chosen), hewn::length_of(pair.rejected));
}

std::vector<int64_t> lengths_of(const std::vector<PreferencePair>& pairs) {
  std::vector<int64_t> lengths;
  for (const PreferencePair& pair : pairs) lengths.push_back(length_of(pair));
  return lengths;
}

}  // namespace

PairBatches::PairBatches(const std::vector<PreferencePair>& pairs, int64_t batch_size, uint64_t seed,
                         RowOrder::Kind kind)
    : pairs_(pairs), order_(lengths_of(pairs), batch_size, seed, kind) {}

void PairBatches::fill(int64_t index, Batch& batch) const {
  std::vector<TrainingRow> rows;
  std::vector<int64_t> numbers;
  std::vector<double> reference;
  for (const int64_t number : pairs_of(index)) {
    const PreferencePair& pair = pairs_[static_cast<size_t>(number)];
    for (const TrainingRow* row : {&pair.chosen, &pair.rejected}) {
      numbers.push_back(std::ssize(rows));
      rows.push_back(*row);
    }
    reference.insert(reference.end(), pair.reference.begin(), pair.reference.end());
  }
  fill_batch(rows, numbers, batch);
  batch.reference = std::move(reference);
}

int64_t longest_row(const std::vector<PreferencePair>& pairs) {
  int64_t longest = 0;
  for (const PreferencePair& pair : pairs) longest = std::max(longest, length_of(pair));
  return longest;
}

}  // namespace hewn
