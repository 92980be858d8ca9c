#pragma once
// Batches of rows of different lengths, such as messages to classify or instructions with their answers.

#include <cstdint>
#include <vector>

#include "train/data/batches.h"

namespace hewn {

/// One row: `tokens` and, of the same length, `targets`, already shifted; `ignored_target` for positions
/// without a target.
struct TrainingRow {
  std::vector<int32_t> tokens, targets;
  double weight = 1;  ///< weight of its targets in the loss of a training step (`Batch::row_weights`)
};

/// Assigns rows to batches.
///
/// Shuffled, each epoch is a permutation of all rows, in which pieces of 32 batches are sorted by length, so
/// that a batch has rows of similar length; the batches of an epoch then come in random order. The last batch
/// of an epoch may have fewer rows. Batch i depends only on lengths, sizes, seed and i.
class RowOrder {
 public:
  enum class Kind : uint8_t { shuffled, by_length };

  /// For rows of these lengths. `by_length`: one pass over all rows, the longest first, without shuffling. Throws usage
  /// if there are no rows, or if batch_size is below 1.
  RowOrder(std::vector<int64_t> lengths, int64_t batch_size, uint64_t seed, Kind kind);

  /// The number of batches in one epoch.
  int64_t batch_count() const;
  /// The numbers of the rows in batch `index`, in its order.
  std::vector<int64_t> rows_of(int64_t index) const;

 private:
  std::vector<int64_t> piece_of(int64_t piece, int64_t epoch) const;

  std::vector<int64_t> lengths_, by_length_;  // by_length_: row numbers
  int64_t batch_size_;
  uint64_t seed_;
  Kind kind_;
};

/// Cuts each batch to its longest row. Shorter rows are padded at the right with token 0 and `ignored_target`:
/// attention is causal, so padding never reaches a token of the row.
class RowBatches final : public BatchSource {
 public:
  using Order = RowOrder::Kind;

  /// Keeps a copy of the rows. Throws like `RowOrder`, and usage if tokens and targets of a row differ in length.
  RowBatches(std::vector<TrainingRow> rows, int64_t batch_size, uint64_t seed, Order order = Order::shuffled);

  void fill(int64_t index, Batch& batch) const override;
  /// The number of batches in one epoch.
  int64_t batch_count() const override { return order_.batch_count(); }

  /// The numbers of the rows in batch `index`, in its order.
  std::vector<int64_t> rows_of(int64_t index) const { return order_.rows_of(index); }

 private:
  std::vector<TrainingRow> rows_;
  RowOrder order_;
};

/// The number of a row's tokens. Throws usage unless it has the same number of targets, at least one.
int64_t length_of(const TrainingRow& row);

/// Puts these rows into a batch, cut to the longest one.
void fill_batch(const std::vector<TrainingRow>& rows, const std::vector<int64_t>& numbers, Batch& batch);

}  // namespace hewn
