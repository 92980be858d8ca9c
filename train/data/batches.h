#pragma once
// Makes batches [B, T] from token sequences. Everything is counter-based: batch number i of a loader depends
// only on the data, the seed and i, so a run resumes exactly from the number of batches it has used.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cross_entropy/abi.h"
#include "train/data/token_file.h"

namespace hewn {

// The loss does not count targets equal to `ignored_target`.

/// One side of a data source: for training or for validation.
struct Split {
  std::string name;  ///< for messages, e.g. "tiny.txt (validation)"
  Tokens tokens;
  std::optional<int32_t> separator;    ///< if set: aligned to documents, each ended by this id
  std::optional<int32_t> begin = {};   ///< not aligned: token before the text in every scored window
  std::optional<int32_t> marker = {};  ///< not aligned: the token between documents
  std::vector<int64_t> documents;      ///< aligned: start of each document, then the end of the last
  uint64_t text_bytes = 0;             ///< length of the text; 0: unknown
  std::optional<double> neg_log_prob;  ///< exact -log P of the text in nats, if its source knows it

  /// Whether a token precedes the text in each window that is scored.
  bool begins() const { return separator || begin; }
  /// Fills `documents` by finding separators; a last document without a separator is kept unchanged.
  void find_documents();
  /// Tokens in the longest document with its separator, which is the required block_size; 0 if not aligned.
  int64_t longest_document() const;
};

/// A split, divided into windows of at most T = block_size tokens and their targets, shifted by one token.
///
/// Not aligned: window i starts at token i * stride; only complete windows count. Stride 1 gives all n - T
/// possible starts (as in nanoGPT), stride T the non-overlapping windows without a last partial one. Aligned:
/// window i is document i. Its first input is a separator, as if the previous document had just ended, its
/// last target is its own separator, and the targets of the remaining window are ignored.
class Windows {
 public:
  /// Throws ErrorCode::input if the split is too short for one window, or has a document longer than T. The
  /// split must outlive the windows.
  Windows(const Split& split, int64_t block_size, int64_t stride);

  int64_t count() const { return count_; }
  /// Writes T tokens and T targets.
  void copy(int64_t window, int32_t* tokens, int32_t* targets) const;

 private:
  const Split* split_;
  int64_t block_size_, stride_, count_ = 0;
};

/// Tokens and targets, both [rows, block_size], row-major. Targets may be `ignored_target`.
struct Batch {
  int64_t rows = 0, block_size = 0;
  std::vector<int32_t> tokens, targets;
  /// The weight of each row's targets in the loss of a training step; empty: all 1.
  std::vector<double> row_weights = {};
  /// For pairs of answers, chosen in row 2i and rejected in row 2i + 1: the log probability of each row's
  /// targets under the reference model. Empty: the rows are not pairs.
  std::vector<double> reference = {};

  /// The number of targets that are not ignored.
  int64_t target_count() const;
  /// The number of terms in the mean loss: pairs, or targets that are not ignored.
  int64_t term_count() const { return reference.empty() ? target_count() : rows / 2; }
};

/// The order in which a loader takes windows.
enum class Order : uint8_t {
  random,    ///< each row is a random window, with replacement; sources mixed by weight
  shuffled,  ///< each window once per epoch, in a new order each epoch; one source only
  in_order   ///< one pass over all windows; the last batch may have fewer rows
};

struct WeightedSplit {
  const Split* split = nullptr;
  double weight = 1;
};

struct BatchOptions {
  int64_t batch_size = 12, block_size = 64;
  int64_t stride = 0;  ///< tokens between windows; 0: 1 for Order::random, else block_size
  Order order = Order::random;
  uint64_t seed = 1;
  uint64_t stream = 0;  ///< loaders with the same seed and different streams draw independently
};

/// Makes the batches of a training run. Has no changing state.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  /// Fills `batch` with batch number `index` >= 0, which depends only on the source and the index. With
  /// gradient accumulation over M micro-steps, micro-step m of step s uses index s * M + m. Batches may differ
  /// in rows and length.
  virtual void fill(int64_t index, Batch& batch) const = 0;
  /// The number of batches in one pass over the data.
  virtual int64_t batch_count() const = 0;
};

/// Makes batches of windows.
class BatchLoader final : public BatchSource {
 public:
  /// The splits must outlive the loader. Fails like `Windows`, and (usage) on sizes below 1, missing or
  /// negative weights, or several sources with Order::shuffled.
  BatchLoader(const std::vector<WeightedSplit>& splits, const BatchOptions& options);

  /// With Order::in_order, `index` must be less than batch_count().
  void fill(int64_t index, Batch& batch) const override;

  int64_t window_count() const { return total_windows_; }
  /// The last batch may have fewer windows or, if shuffled, be completed from the next epoch.
  int64_t batch_count() const override;

 private:
  struct Place {
    size_t source;
    int64_t window;
  };
  Place place_in_order(int64_t row) const;

  BatchOptions options_;
  std::vector<Windows> windows_;
  std::vector<double> weight_up_to_;  // cumulative
  int64_t total_windows_ = 0;
};

/// The position of number i, 0 <= i < n, in shuffle `epoch` of the given seed: a permutation computed without
/// storing it, by a Feistel network on the bits of i (Luby and Rackoff 1988), repeated until the result is
/// below n.
int64_t shuffled(int64_t i, int64_t n, uint64_t seed, uint64_t epoch);

}  // namespace hewn
