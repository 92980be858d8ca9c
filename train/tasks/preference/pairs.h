#pragma once
// Pairs of answers as training rows, and batches of them.

#include <array>
#include <cstdint>
#include <vector>

#include "train/tasks/row_batches.h"

namespace hewn {

/// A prompt with two answers: rows whose targets are the tokens of the answer and its end.
struct PreferencePair {
  TrainingRow chosen, rejected;
  std::array<double, 2> reference = {};  ///< log P of both answers under the reference model, chosen first
};

/// Batches of whole pairs of similar length, in the order of `RowOrder`: the chosen answer of a pair in row
/// 2i, the rejected one in row 2i + 1, and `Batch::reference`.
class PairBatches final : public BatchSource {
 public:
  /// The pairs must outlive the object; their reference values are read when a batch is filled. Throws like
  /// `RowBatches`.
  PairBatches(const std::vector<PreferencePair>& pairs, int64_t batch_size, uint64_t seed,
              RowOrder::Kind kind = RowOrder::Kind::shuffled);

  void fill(int64_t index, Batch& batch) const override;
  int64_t batch_count() const override { return order_.batch_count(); }
  /// The numbers of the pairs in batch `index`, in its order.
  std::vector<int64_t> pairs_of(int64_t index) const { return order_.rows_of(index); }

 private:
  const std::vector<PreferencePair>& pairs_;
  RowOrder order_;
};

/// Tokens of the longest row; 0 without pairs.
int64_t longest_row(const std::vector<PreferencePair>& pairs);

}  // namespace hewn
