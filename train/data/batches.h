#pragma once
// From token sequences to batches [B, T]. Everything is counter-based: batch number i of a loader depends
// only on the data, the seed and i, so that a run resumes exactly by remembering how many batches it has
// used.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cross_entropy/abi.h"
#include "train/data/token_file.h"

namespace hewn {

// Targets that are `ignored_target` are not counted by the loss.

/// One side of a source of data, for training or for validation.
struct Split {
  std::string name;  ///< for messages, e.g. "tiny.txt (validation)"
  Tokens tokens;
  std::optional<int32_t> separator;    ///< set: aligned to documents, each ended by this id
  std::vector<int64_t> documents;      ///< aligned: where each begins, then where the last ends
  uint64_t text_bytes = 0;             ///< bytes of the text, 0 = unknown
  std::optional<double> neg_log_prob;  ///< exact -log P of the text in nats, where its source knows it

  /// Fills `documents` by looking for separators; a last document without one is taken as it is.
  void find_documents();
  /// Tokens of the longest document with its separator, the block_size it needs; 0 if not aligned.
  int64_t longest_document() const;
};

/// A split cut into windows of at most T = block_size tokens and their targets, one token further.
///
/// Not aligned: window i starts at token i * stride; only whole windows count, so stride 1 gives all n - T
/// places a window can start (nanoGPT's), and stride T the non-overlapping windows, less a last partial one.
/// Aligned: window i is document i. Its first input is a separator, as if the document before it had just
/// ended, its last target its own separator; the rest of the window is ignored targets.
class Windows {
 public:
  /// Fails (ErrorCode::input) if the split is too short for one window, or holds a document longer than T.
  /// The split must outlive the windows.
  Windows(const Split& split, int64_t block_size, int64_t stride);

  int64_t count() const { return count_; }
  /// Writes T tokens and T targets.
  void copy(int64_t window, int32_t* tokens, int32_t* targets) const;

 private:
  const Split* split_;
  int64_t block_size_, stride_, count_ = 0;
};

/// Tokens and targets, both [rows, block_size] row by row. Targets may be `ignored_target`.
struct Batch {
  int64_t rows = 0, block_size = 0;
  std::vector<int32_t> tokens, targets;

  /// How many targets count.
  int64_t target_count() const;
};

/// In which order a loader takes windows.
enum class Order : uint8_t {
  random,    ///< each row a random window, with replacement; sources mixed by weight
  shuffled,  ///< each window once per epoch, in an order of its own per epoch; one source only
  in_order   ///< once through everything; the last batch may have fewer rows
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
  uint64_t stream = 0;  ///< loaders of one seed with different streams draw independently
};

/// Makes batches. Holds no state that changes.
class BatchLoader {
 public:
  /// The splits must outlive the loader. Fails as `Windows` does, and (usage) on sizes below 1, no or
  /// negative weights, or several sources with Order::shuffled.
  BatchLoader(const std::vector<WeightedSplit>& splits, const BatchOptions& options);

  /// Fills `batch` with batch number `index`, 0 <= index (and < batch_count() for Order::in_order). With
  /// gradient accumulation over M micro-steps, micro-step m of step s takes index s * M + m.
  void fill(int64_t index, Batch& batch) const;

  int64_t window_count() const { return total_windows_; }
  /// Batches that go once through all windows, the last one perhaps with fewer windows or, when shuffled,
  /// filled up from the next epoch.
  int64_t batch_count() const;

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

/// Where number i in [0, n) stands in shuffle `epoch` of the given seed: a permutation computed without
/// storing it, by a Feistel network on the bits of i (Luby and Rackoff 1988) walked until it lands below n.
int64_t shuffled(int64_t i, int64_t n, uint64_t seed, uint64_t epoch);

}  // namespace hewn
