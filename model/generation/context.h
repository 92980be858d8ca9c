#pragma once
// The tokens that a model continues, and the cache of what it has computed for them.

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
  /// Keep keys and values; false computes the whole context for every token: the same logits, on a GPU up to rounding.
  bool cache = true;
  KvFormat kv = KvFormat::f32;  ///< how they are kept; other formats change the logits a little
  /// Give out logits only for ids below it, since a model's vocabulary may be padded beyond its tokenizer's; 0: all.
  int64_t vocab_size = 0;
  Slide slide = Slide::half;
  std::optional<int32_t> begin =
      {};  ///< stays at the front of a sequence that begins with it when others are dropped
};

/// One or more sequences of equal length that a model continues token by token. `Context` holds the tokens,
/// up to block_size of each; its `Cache` holds what the model has computed for them,
/// and can be rebuilt from the tokens at any time. `next_logits` runs the model on the tokens that are not
/// yet in the cache.
class Context {
 public:
  /// Begins with one empty sequence. Contexts of one model may share `step`, which runs the model on one new token of
  /// each sequence; without it a context has its own. Throws usage for options that the model does not have.
  explicit Context(Model& model, const ContextOptions& options = {},
                   std::shared_ptr<TokenStep> step = nullptr);

  int64_t sequences() const { return static_cast<int64_t>(tokens_.size()); }
  /// Appends one token to each sequence; drops old ones first if the block is full (`Slide`).
  void push(const std::vector<int32_t>& tokens);
  /// Logits of the next token of each sequence: [sequences, vocab_size], row-major.
  std::vector<double> next_logits();
  /// The next logits of several contexts of one model, with one sequence each and of any lengths: one row per
  /// context. Contexts with exactly one new token share a forward pass; each of the others has its own, for the tokens
  /// that no other context begins with.
  static std::vector<std::vector<double>> next_logits(std::span<Context* const> contexts);
  /// Tokens of each sequence that the model has not seen yet.
  int64_t fresh() const { return std::ssize(tokens_[0]) - static_cast<int64_t>(cache_ ? seen_ : 0); }
  /// Tokens that may be pushed before old ones are dropped.
  int64_t room() const { return limit_ - std::ssize(tokens_[0]); }
  /// Logits after each of the fresh tokens of the only sequence, in one pass.
  std::vector<std::vector<double>> fresh_logits();
  /// Whether the last tokens can be taken back.
  bool can_drop() const { return !cache_ || model_.caches_keys(); }
  /// Takes back the last tokens of the only sequence; false, and nothing happens, if it has no more than these.
  bool drop(int64_t tokens);
  /// Selects these sequences, in this order; a sequence may occur several times, as in beam search.
  void select(const std::vector<int64_t>& sequences);

  /// Whether others may take over what this context has computed: if keys and values are in pages.
  bool can_share() const;
  /// Takes over what one of these contexts of the same model has computed for the tokens that it and this one begin
  /// with, the longest; nothing where keys and values are not in pages, or this context has computed something itself.
  void share_beginning(std::span<Context* const> others);

  /// Whether old tokens have been dropped.
  bool slid() const { return slid_; }

 private:
  const KvCache& pages() const;
  /// Runs the model on the next fresh tokens of each sequence, which are not all.
  void skip(int64_t tokens);
  /// The tokens that both begin with and the other has computed, but the last of this one.
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

/// Drops all but the newest `kept` tokens of a text. If it begins with `begin`, that remains at its front, as one of them.
void keep_newest(std::vector<int32_t>& tokens, int64_t kept, const std::optional<int32_t>& begin);

}  // namespace hewn
