#pragma once
// What a model sees while it writes: one or several sequences of equal length, and what is remembered of
// them.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/kv_cache.h"
#include "model/model.h"

namespace hewn {

/// What sequences that have reached block_size go on with: their newest half, so that a new token costs one
/// row instead of a whole context; or all but the oldest token, each time, as nanoGPT does.
enum class Slide : uint8_t { half, one };

class Context {
 public:
  /// Begins with one empty sequence. Without the cache every step computes everything anew: the same up to
  /// rounding. Of the logits only those of ids below `vocab_size` are given out, 0: all; a model may have
  /// more tokens than its tokenizer, for a rounder number.
  Context(Model& model, bool use_cache, int64_t vocab_size = 0, Slide slide = Slide::half);

  int64_t sequences() const { return static_cast<int64_t>(tokens_.size()); }
  /// Appends a token to each sequence.
  void push(const std::vector<int32_t>& tokens);
  /// Logits of what follows, [sequences, vocab_size] in one row.
  std::vector<double> next_logits();
  /// The same of several contexts of one model and one sequence each, whose lengths may differ: those that
  /// one token is new in share a pass, the others have their own. One row for each.
  static std::vector<std::vector<double>> next_logits(std::span<Context* const> contexts);
  /// Goes on with these sequences, in this order; one may be taken several times.
  void select(const std::vector<int64_t>& sequences);

  /// Whether tokens were left out since the beginning.
  bool slid() const { return slid_; }

 private:
  static void next_tokens(std::span<Context* const> contexts, std::span<const size_t> which,
                          std::vector<std::vector<double>>& logits);
  /// The logits of [rows, V] that are given out.
  std::vector<double> given_out(const std::vector<double>& logits, int64_t rows) const;

  Model& model_;
  int64_t vocab_size_;
  int64_t limit_, kept_;  // tokens of a sequence at most, and when it has slid
  std::unique_ptr<KvCache> cache_;
  std::vector<std::vector<int32_t>> tokens_{1};
  size_t seen_ = 0;  // tokens of each that the cache holds
  bool slid_ = false;
};

}  // namespace hewn
