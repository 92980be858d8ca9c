#include "model/generation/context.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/error.h"
#include "model/kv_cache.h"

namespace hewn {
namespace {

/// Tokens of a prompt that go through the model at a time: enough for the speed of matrix products, and their activations
/// stay in caches.
constexpr int64_t most_at_once = 512;

}  // namespace

Context::Context(Model& model, const ContextOptions& options, std::shared_ptr<TokenStep> step)
    : model_(model),
      step_(step ? std::move(step) : std::make_shared<TokenStep>(model)),
      vocab_size_(options.vocab_size == 0 ? model.config().vocab_size : options.vocab_size),
      limit_(model.config().block_size),
      kept_(options.slide == Slide::one ? limit_ - 1 : limit_ / 2),
      begin_(options.begin),
      cache_(options.cache ? model.make_cache(1, limit_, options.kv) : nullptr) {
  require(vocab_size_ >= 1 && vocab_size_ <= model.config().vocab_size, "vocab_size = ", options.vocab_size,
          "; expected at most the model's vocabulary, ", model.config().vocab_size);
}

std::vector<double> Context::given_out(std::vector<double> logits, int64_t rows) const {
  if (std::ssize(logits) == rows * vocab_size_) return logits;
  std::vector<double> given;
  const auto V = static_cast<std::ptrdiff_t>(logits.size()) / rows;
  for (auto row = logits.begin(); row != logits.end(); row += V)
    given.insert(given.end(), row, row + static_cast<std::ptrdiff_t>(vocab_size_));
  return given;
}

void Context::push(const std::vector<int32_t>& tokens) {
  if (static_cast<int64_t>(tokens_[0].size()) == limit_) {
    for (std::vector<int32_t>& sequence : tokens_) keep_newest(sequence, kept_, begin_);
    seen_ = 0;
    slid_ = true;
    if (cache_) cache_->clear();
  }
  for (size_t b = 0; b < tokens_.size(); ++b) tokens_[b].push_back(tokens[b]);
}

std::vector<double> Context::next_logits() {
  while (cache_ && fresh() > most_at_once) skip(most_at_once);
  const auto from = static_cast<std::ptrdiff_t>(cache_ ? seen_ : 0);
  std::vector<int32_t> fresh;  // [B, T]
  for (const std::vector<int32_t>& sequence : tokens_)
    fresh.insert(fresh.end(), sequence.begin() + from, sequence.end());
  const int64_t B = sequences(), T = static_cast<int64_t>(fresh.size()) / B;
  seen_ = tokens_[0].size();
  if (cache_ && T == 1) return given_out(step_->logits(fresh, {.cache = cache_.get()}), B);
  const Tensor tokens = tokens_on_device(model_, fresh, {B, T});
  return given_out(model_.logits(tokens, {.cache = cache_.get(), .last_only = true}).doubles(), B);
}

void Context::skip(int64_t tokens) {
  std::vector<int32_t> fresh;  // [B, T]
  for (const std::vector<int32_t>& sequence : tokens_) {
    const auto from = sequence.begin() + static_cast<std::ptrdiff_t>(seen_);
    fresh.insert(fresh.end(), from, from + tokens);
  }
  seen_ += static_cast<size_t>(tokens);
  (void)model_.logits(tokens_on_device(model_, fresh, {sequences(), tokens}),
                      {.cache = cache_.get(), .last_only = true});
}

std::vector<std::vector<double>> Context::fresh_logits() {
  const int64_t T = fresh();
  const std::vector<int32_t> tokens(tokens_[0].end() - T, tokens_[0].end());
  seen_ = tokens_[0].size();
  const std::vector<double> all = given_out(
      model_.logits(tokens_on_device(model_, tokens, {1, T}), {.cache = cache_.get()}).doubles(), T);
  std::vector<std::vector<double>> rows;
  for (auto row = all.begin(); row != all.end(); row += vocab_size_)
    rows.emplace_back(row, row + vocab_size_);
  return rows;
}

bool Context::drop(int64_t tokens) {
  if (tokens == 0) return true;
  if (tokens >= std::ssize(tokens_[0])) return false;
  tokens_[0].resize(tokens_[0].size() - static_cast<size_t>(tokens));
  if (seen_ <= tokens_[0].size()) return true;
  seen_ = tokens_[0].size();
  if (cache_) static_cast<KvCache&>(*cache_).cut(std::ssize(tokens_[0]));
  return true;
}

std::vector<std::vector<double>> Context::next_logits(std::span<Context* const> contexts) {
  std::vector<std::vector<double>> logits(contexts.size());
  std::vector<size_t> together;
  for (size_t i = 0; i < contexts.size(); ++i) {
    const Context& c = *contexts[i];
    if (c.cache_ && c.seen_ > 0 && c.seen_ + 1 == c.tokens_[0].size())
      together.push_back(i);
    else {
      contexts[i]->share_beginning(contexts);
      logits[i] = contexts[i]->next_logits();
    }
  }
  if (together.size() == 1)
    logits[together[0]] = contexts[together[0]]->next_logits();
  else if (!together.empty())
    next_tokens(contexts, together, logits);
  return logits;
}

void Context::next_tokens(std::span<Context* const> contexts, std::span<const size_t> which,
                          std::vector<std::vector<double>>& logits) {
  std::vector<int32_t> fresh;  // [B, 1]
  ForwardOptions options;
  for (const size_t i : which) {
    Context& c = *contexts[i];
    fresh.push_back(c.tokens_[0].back());
    options.caches.push_back(c.cache_.get());
    c.seen_ = c.tokens_[0].size();
  }
  const std::vector<double> all = contexts[0]->step_->logits(fresh, options);
  const auto V = static_cast<std::ptrdiff_t>(all.size() / which.size());
  auto row = all.begin();
  for (const size_t i : which) {
    logits[i] = contexts[i]->given_out({row, row + V}, 1);
    row += V;
  }
}

bool Context::can_share() const {
  const auto* const cache = dynamic_cast<const KvCache*>(cache_.get());
  return cache && cache->in_pages();
}

const KvCache& Context::pages() const { return static_cast<const KvCache&>(*cache_); }

int64_t Context::common_with(const Context& other) const {
  if (!can_share() || !other.can_share() || seen_ > 0 || sequences() != 1 || other.sequences() != 1) return 0;
  if (pages().layout().format != other.pages().layout().format) return 0;
  const std::vector<int32_t>& own = tokens_[0];
  const auto most = static_cast<std::ptrdiff_t>(std::min(other.seen_, own.size() - 1));
  return std::mismatch(own.begin(), own.begin() + most, other.tokens_[0].begin()).first - own.begin();
}

void Context::share_beginning(std::span<Context* const> others) {
  const Context* best = this;
  for (const Context* other : others)
    if (common_with(*other) > common_with(*best)) best = other;
  const int64_t common = common_with(*best);
  if (common == 0) return;
  auto cache = std::make_unique<KvCache>(best->pages());
  cache->cut(common);
  cache_ = std::move(cache);
  seen_ = static_cast<size_t>(common);
}

void Context::select(const std::vector<int64_t>& sequences) {
  std::vector<std::vector<int32_t>> chosen;
  for (const int64_t b : sequences) chosen.push_back(tokens_[static_cast<size_t>(b)]);
  tokens_ = std::move(chosen);
  if (cache_) cache_->select(sequences);
}

void keep_newest(std::vector<int32_t>& tokens, int64_t kept, const std::optional<int32_t>& begin) {
  if (std::ssize(tokens) <= kept) return;
  const int64_t front = kept > 1 && tokens[0] == begin ? 1 : 0;
  tokens.erase(tokens.begin() + front, tokens.end() - (kept - front));
}

}  // namespace hewn
