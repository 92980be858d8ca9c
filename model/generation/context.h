#pragma once
// The tokens that a model continues, and the cache of its computations for them.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/cache.h"
#include "model/generation/token_step.h"
#include "model/model.h"

namespace hewn {

class KvCache;

/// The tokens that a sequence keeps when it reaches block_size. `half`: the newest half, so that the cache is
/// rebuilt once per half block. `one`: all but the oldest, as in nanoGPT; the cache is then rebuilt for every token.
enum class Slide : uint8_t { half, one };

/// How sequences are continued.
struct ContextOptions {
  /// Cache keys and values; false recomputes the whole context for every token, with the same logits (on a
  /// GPU up to rounding).
  bool cache = true;
  KvFormat kv = KvFormat::f32;  ///< their format in the cache; formats other than f32 change the logits
                                ///< slightly
  /// Return logits only for ids below this, since a model's vocabulary may be padded beyond its tokenizer's;
  /// 0: all.
  int64_t vocab_size = 0;
  Slide slide = Slide::half;
  std::optional<int32_t> begin =
      {};  ///< begin token; stays at the front of a sequence when old tokens are dropped
};

/// One or more sequences of equal length that a model continues token by token. `Context` holds the tokens,
/// up to block_size of each; its `Cache` holds the model's state for them, and can be rebuilt from the tokens
/// at any time. `next_logits` runs the model on the tokens that are not yet in the cache.
class Context {
 public:
  /// Begins with one empty sequence. Contexts of one model may share a `step`, which runs the model on one
  /// new token per sequence; otherwise each has its own. Throws usage for options that the model does not
  /// have.
  explicit Context(Model& model, const ContextOptions& options = {},
                   std::shared_ptr<TokenStep> step = nullptr);

  int64_t sequences() const { return static_cast<int64_t>(tokens_.size()); }
  /// Appends one token to each sequence; drops old ones first if the block is full (`Slide`).
  void push(const std::vector<int32_t>& tokens);
  /// Logits of the next token of each sequence: [sequences, vocab_size], row-major.
  std::vector<double> next_logits();
  /// The next logits of several contexts of one model, with one sequence each and of any lengths: one row per
  /// context. Contexts with exactly one new token share a forward pass; each of the others has its own, for
  /// the tokens not shared with another context.
  static std::vector<std::vector<double>> next_logits(std::span<Context* const> contexts);
  /// Tokens of each sequence that the model has not seen yet.
  int64_t fresh() const { return std::ssize(tokens_[0]) - static_cast<int64_t>(cache_ ? seen_ : 0); }
  /// Tokens that may be pushed before old ones are dropped.
  int64_t room() const { return limit_ - std::ssize(tokens_[0]); }
  /// Logits after each of the fresh tokens of the only sequence, in one pass.
  std::vector<std::vector<double>> fresh_logits();
  /// Whether the last tokens can be removed.
  bool can_drop() const { return !cache_ || model_.caches_keys(); }
  /// Removes the last tokens of the only sequence; returns false, without a change, if that would leave none.
  bool drop(int64_t tokens);
  /// Selects these sequences, in this order; a sequence may occur several times, as in beam search.
  void select(const std::vector<int64_t>& sequences);

  /// Whether other contexts can reuse this one's computations, which requires paged keys and values.
  bool can_share() const;
  /// Reuses the keys and values of that one of these contexts, of the same model, which has the longest
  /// common prefix with this one. Does nothing if keys and values are not paged, or if this context has
  /// already computed any.
  void share_beginning(std::span<Context* const> others);

  /// Whether old tokens have been dropped.
  bool slid() const { return slid_; }

 private:
  const KvCache& pages() const;
  /// Runs the model on the next `tokens` fresh tokens of each sequence; at least one must remain.
  void skip(int64_t tokens);
  /// The length of the common prefix that the other context has computed, excluding this context's last
  /// token.
  int64_t common_with(const Context& other) const;
  static void next_tokens(std::span<Context* const> contexts, std::span<const size_t> which,
                          std::vector<std::vector<double>>& logits);
  /// The columns below `vocab_size` of logits [rows, V].
  std::vector<double> given_out(std::vector<double> logits, int64_t rows) const;

  Model& model_;
  std::shared_ptr<TokenStep> step_;
  int64_t vocab_size_;
  int64_t limit_;  // block_size
  int64_t kept_;   // tokens kept when a sequence has reached it
  std::optional<int32_t> begin_;
  std::unique_ptr<Cache> cache_;
  std::vector<std::vector<int32_t>> tokens_{1};
  size_t seen_ = 0;  // tokens of each sequence in the cache
  bool slid_ = false;
};

/// Drops all but the newest `kept` tokens of a text. If the text begins with `begin`, that token stays at its
/// front and counts among the kept ones.
void keep_newest(std::vector<int32_t>& tokens, int64_t kept, const std::optional<int32_t>& begin);

}  // namespace hewn
