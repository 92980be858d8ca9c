#include "model/generation/draft.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace hewn {
namespace {

/// A smaller model that continues the text.
class ModelDrafter final : public Drafter {
 public:
  ModelDrafter(Model& model, const ContextOptions& context, const SamplingOptions& sampling,
               const Rng& random)
      : model_(model),
        options_(context),
        sampling_(sampling),
        random_(random),
        context_(std::make_unique<Context>(model, context)) {
    require(context_->can_drop(), "arch = ", model.config().arch,
            " cannot remove tokens, so it cannot serve as a draft; use a transformer");
  }

  std::vector<Proposal> propose(std::span<const int32_t> text, int64_t most) override {
    follow(text);
    std::vector<Proposal> proposals;
    while (std::ssize(proposals) < most) {
      std::vector<double> q = sampling_distribution(context_->next_logits(), sampling_, held_);
      const int32_t token = draw(q, random_.uniform_double());
      push(token);
      proposals.push_back({token, std::move(q)});
      if (sampling_.temperature == 0) proposals.back().probabilities.clear();
    }
    return proposals;
  }

 private:
  void push(int32_t token) {
    context_->push({token});
    held_.push_back(token);
  }

  /// Takes back the proposals that were rejected, and adds what the text has instead.
  void follow(std::span<const int32_t> text) {
    const auto common =
        std::mismatch(held_.begin(), held_.end(), text.begin(), text.end()).second - text.begin();
    if (!context_->drop(std::ssize(held_) - common)) {
      context_ = std::make_unique<Context>(model_, options_);
      held_.clear();
    }
    held_.resize(std::min(held_.size(), static_cast<size_t>(common)));
    for (size_t i = held_.size(); i < text.size(); ++i) push(text[i]);
  }

  Model& model_;
  ContextOptions options_;
  SamplingOptions sampling_;
  Rng random_;
  std::unique_ptr<Context> context_;
  std::vector<int32_t> held_;  // tokens pushed so far: the text, then proposals
};

/// What followed the same tokens earlier in the text: of the places that agree with its end the longest, the latest.
class TextDrafter final : public Drafter {
 public:
  std::vector<Proposal> propose(std::span<const int32_t> text, int64_t most) override {
    constexpr ptrdiff_t least = 2, enough = 16, farthest = 1 << 14;
    const auto n = std::ssize(text);
    ptrdiff_t length = least - 1, place = n;
    for (ptrdiff_t end = n - 1; end >= std::max<ptrdiff_t>(least, n - farthest) && length < enough; --end) {
      ptrdiff_t same = 0;
      while (same < enough && same < end && at(text, end - 1 - same) == at(text, n - 1 - same)) ++same;
      if (same > length) length = same, place = end;
    }
    std::vector<Proposal> proposals;
    for (; place < n && std::ssize(proposals) < most; ++place) proposals.push_back({at(text, place)});
    return proposals;
  }

 private:
  static int32_t at(std::span<const int32_t> text, ptrdiff_t i) { return text[static_cast<size_t>(i)]; }
};

}  // namespace

std::unique_ptr<Drafter> make_drafter(const DraftOptions& options, const ContextOptions& context,
                                      const SamplingOptions& sampling, const Rng& random) {
  require(options.most >= 1, "a draft of ", options.most, " tokens; expected at least 1");
  if (options.from_text) return std::make_unique<TextDrafter>();
  if (options.model) return std::make_unique<ModelDrafter>(*options.model, context, sampling, random);
  return nullptr;
}

Decided decide(const Proposal& proposal, const std::vector<double>& p, Rng& random) {
  const auto x = static_cast<size_t>(proposal.token);
  const auto q = [&](size_t i) -> double {
    if (proposal.probabilities.empty()) return i == x;
    return i < proposal.probabilities.size() ? proposal.probabilities[i] : 0;
  };
  if (x < p.size() && random.uniform_double() * q(x) < p[x]) return {proposal.token, true};
  std::vector<double> rest = p;
  for (size_t i = 0; i < rest.size(); ++i) rest[i] = std::max(0.0, rest[i] - q(i));
  const double sum = std::accumulate(rest.begin(), rest.end(), 0.0);
  if (sum == 0) return {draw(p, random.uniform_double()), false};  // p = q, but for rounding
  for (double& value : rest) value /= sum;
  return {draw(rest, random.uniform_double()), false};
}

void Ambition::learn(int64_t proposed, int64_t accepted) {
  if (proposed == 0) return;
  next_ = accepted == proposed ? std::min(most_, next_ + 2) : std::max<int64_t>(1, accepted + 1);
  if (accepted > 0) {
    longest_rest_ = 1;
    return;
  }
  rest_ = longest_rest_;
  longest_rest_ = std::min<int64_t>(16, 2 * longest_rest_);
}

}  // namespace hewn
