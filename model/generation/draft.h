#pragma once
// Speculative decoding: a cheap drafter proposes the next few tokens, and the model checks them in one pass,
// reading its weights once (Leviathan et al. 2023, "Fast Inference from Transformers via Speculative
// Decoding"). The likeliest text stays the same, and drawn text keeps its distribution.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/rng.h"
#include "model/generation/context.h"
#include "model/generation/sampling.h"

namespace hewn {

/// Where proposals come from.
struct DraftOptions {
  Model* model = nullptr;  ///< a smaller model with the same tokens
  bool from_text = false;  ///< the continuation of the same tokens earlier in the text
  int64_t most = 6;        ///< maximum number of tokens proposed at a time; fewer after rejections
  bool on() const { return model || from_text; }
};

struct Proposal {
  int32_t token = 0;
  std::vector<double> probabilities = {};  ///< the distribution it was drawn from; empty: certain
};

/// Proposes tokens for one text.
class Drafter {
 public:
  virtual ~Drafter() = default;
  /// Up to `most` tokens that may follow `text`.
  virtual std::vector<Proposal> propose(std::span<const int32_t> text, int64_t most) = 0;
};

/// Draws proposals by `sampling` from the stream of `random`. Null if drafts are off. Throws usage for a
/// model whose cache cannot be truncated.
std::unique_ptr<Drafter> make_drafter(const DraftOptions& options, const ContextOptions& context,
                                      const SamplingOptions& sampling, const Rng& random);

/// The token that takes a proposal's place, and whether it is the proposed one.
struct Decided {
  int32_t token = 0;
  bool accepted = false;
};

/// Accepts a proposal x with probability min(1, p(x) / q(x)), where q is the distribution it was drawn from, and else
/// draws from max(0, p - q), normalised. The resulting token is distributed as p (Leviathan et al. 2023,
/// section 2.3).
Decided decide(const Proposal& proposal, const std::vector<double>& p, Rng& random);

/// The number of tokens to propose next: more after accepted proposals; fewer, and for a while none, after
/// rejected ones.
class Ambition {
 public:
  explicit Ambition(int64_t most) : most_(most), next_((most + 1) / 2) {}
  int64_t next() { return rest_ > 0 ? (--rest_, 0) : next_; }
  void learn(int64_t proposed, int64_t accepted);

 private:
  int64_t most_, next_, rest_ = 0, longest_rest_ = 1;
};

}  // namespace hewn
