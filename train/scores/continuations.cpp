#include "train/scores/continuations.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/tape.h"
#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/embedding/op.h"
#include "model/generation/token_step.h"
#include "model/kv_cache.h"

namespace hewn {
namespace {

int64_t length_of(const Continuation& sequence) { return std::ssize(sequence.tokens); }

/// How many tokens all choices begin with, at most those before the one that predicts the first scored token.
int64_t shared_length(const Alternatives& choices) {
  const std::vector<int32_t>& first = choices[0].tokens;
  int64_t shared = std::ssize(first);
  for (const Continuation& choice : choices) {
    const auto [a, b] = std::mismatch(first.begin(), first.end(), choice.tokens.begin(), choice.tokens.end());
    shared = std::min({shared, a - first.begin(), choice.begin - 1});
  }
  return shared;
}

/// A sequence without its shared beginning, as it passes through the model.
struct Rest {
  size_t question, choice;
  int64_t shared;  // tokens of the beginning
  int64_t length;  // the inputs after it: all tokens but the last
};

class Scorer {
 public:
  Scorer(Model& model, std::span<const Alternatives> questions, const PassLimits& limits)
      : model_(model), questions_(questions), limits_(limits), found_(questions.size()) {
    const ModelConfig& config = model.config();
    token_bytes_ = config.n_layer * 2 * config.kv_heads() * config.head_size() *
                   static_cast<int64_t>(size_of(model.parameters().dtype()));
    for (size_t q = 0; q < questions.size(); ++q) {
      found_[q].resize(questions[q].size());
      for (const Continuation& choice : questions[q]) check(choice);
      shared_.push_back(questions[q].empty() || !model.caches_keys() ? 0 : shared_length(questions[q]));
      rest_.push_back(0);
      for (const Continuation& choice : questions[q])
        rest_[q] = std::max(rest_[q], length_of(choice) - 1 - shared_[q]);
    }
  }

  std::vector<std::vector<std::vector<ScoredToken>>> scores() {
    const NoGrad none;
    const Scope scope("score");
    std::vector<size_t> order(questions_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return shared_[a] < shared_[b]; });
    for (size_t first = 0, last = 0; first < order.size(); first = last) {
      // Sorted by length: the last one of a batch is the longest, to which the others are padded.
      int64_t room = rest_[order[first]];
      const auto fits = [&] {
        const int64_t count = static_cast<int64_t>(last - first) + 1, longest = shared_[order[last]];
        room = std::max(room, rest_[order[last]]);
        return count * longest <= limits_.tokens &&
               count * (longest + room) * token_bytes_ <= limits_.cache_bytes;
      };
      for (last = first + 1; last < order.size() && fits();) ++last;
      score_batch(std::span(order).subspan(first, last - first));
    }
    return std::move(found_);
  }

 private:
  void check(const Continuation& sequence) const {
    const int64_t n = length_of(sequence), T = model_.config().block_size;
    require(sequence.begin >= 1 && sequence.begin < n && n <= T + 1, "a sequence of ", n,
            " tokens, scored from token ", sequence.begin, "; expected 1 or more before it, and at most ",
            T + 1, ", block_size + 1");
  }

  const Continuation& sequence(const Rest& rest) const { return questions_[rest.question][rest.choice]; }

  /// The shared beginnings of some questions in one pass, then all choices, in as many as needed.
  void score_batch(std::span<const size_t> batch) {
    std::vector<KvCache> beginnings = begin(batch);
    std::vector<Rest> rests;
    for (size_t i = 0; i < batch.size(); ++i)
      for (size_t c = 0; c < questions_[batch[i]].size(); ++c)
        rests.push_back(
            {batch[i], c, shared_[batch[i]], length_of(questions_[batch[i]][c]) - 1 - shared_[batch[i]]});
    std::stable_sort(rests.begin(), rests.end(),
                     [](const Rest& a, const Rest& b) { return a.length < b.length; });
    std::vector<size_t> place(questions_.size());
    for (size_t i = 0; i < batch.size(); ++i) place[batch[i]] = i;
    for (size_t first = 0, last = 0; first < rests.size(); first = last) {
      int64_t longest_shared = 0;
      const auto fits = [&] {
        const Rest& next = rests[last];
        const int64_t count = static_cast<int64_t>(last - first) + 1, tokens = count * next.length,
                      shared = std::max(longest_shared, next.shared);
        return last == first ||
               (tokens <= limits_.tokens && shared + next.length <= model_.config().block_size &&
                tokens * model_.config().vocab_size * int64_t{sizeof(float)} <= limits_.logits_bytes &&
                count * (shared + next.length) * token_bytes_ <= limits_.cache_bytes);
      };
      for (last = first; last < rests.size() && fits(); ++last)
        longest_shared = std::max(longest_shared, rests[last].shared);
      score_pass(std::span(rests).subspan(first, last - first), beginnings, place);
    }
  }

  /// The keys and values of the batch's shared beginnings, padded to the longest; none if there are none.
  std::vector<KvCache> begin(std::span<const size_t> batch) {
    std::vector<KvCache> caches;
    const int64_t T = shared_[batch.back()], B = std::ssize(batch);
    if (T == 0) return caches;
    int64_t room = 0;  // for the choices, which go on in copies
    for (const size_t question : batch) room = std::max(room, rest_[question]);
    std::vector<int32_t> tokens(static_cast<size_t>(B * T));
    ForwardOptions options{.last_only = true};
    for (size_t b = 0; b < batch.size(); ++b) {
      const auto from = questions_[batch[b]][0].tokens.begin();
      std::copy(from, from + shared_[batch[b]], tokens.begin() + static_cast<std::ptrdiff_t>(b) * T);
      caches.emplace_back(model_.config(), model_.device(), model_.parameters().dtype(), 1, T + room);
    }
    for (KvCache& cache : caches) options.caches.push_back(&cache);
    (void)model_.logits(tokens_on_device(model_, tokens, {B, T}), options);
    return caches;
  }

  /// Scores some sequences, the last one the longest, to which the others are padded.
  void score_pass(std::span<const Rest> rests, const std::vector<KvCache>& beginnings,
                  const std::vector<size_t>& place) {
    const int64_t B = std::ssize(rests), T = rests.back().length;
    std::vector<int32_t> tokens(static_cast<size_t>(B * T)), targets(tokens.size(), ignored_target);
    std::vector<KvCache> caches;
    caches.reserve(rests.size());
    ForwardOptions options;
    for (size_t b = 0; b < rests.size(); ++b) {
      const Rest& rest = rests[b];
      const Continuation& whole = sequence(rest);
      const auto row = static_cast<std::ptrdiff_t>(b) * T;
      std::copy(whole.tokens.begin() + rest.shared, whole.tokens.end() - 1, tokens.begin() + row);
      std::copy(whole.tokens.begin() + whole.begin, whole.tokens.end(),
                targets.begin() + row + (whole.begin - 1 - rest.shared));
      if (beginnings.empty()) continue;
      KvCache& own = caches.emplace_back(beginnings[place[rest.question]]);
      if (!own.in_pages()) own.select({0});  // a copy of the keys and values
      own.cut(rest.shared);                  // without the padding
      options.caches.push_back(&own);
    }
    const Tensor logits = model_.logits(tokens_on_device(model_, tokens, {B, T}), options);
    const std::vector<ScoredToken> scored = score_targets(logits, targets);
    auto next = scored.begin();
    for (const Rest& rest : rests) {
      const auto end = next + (length_of(sequence(rest)) - sequence(rest).begin);
      found_[rest.question][rest.choice].assign(next, end);
      next = end;
    }
  }

  Model& model_;
  std::span<const Alternatives> questions_;
  const PassLimits& limits_;
  int64_t token_bytes_;          // of the keys and values of a token
  std::vector<int64_t> shared_;  // of each question, the tokens that its choices begin with
  std::vector<int64_t> rest_;    // the inputs after them, of the longest choice
  std::vector<std::vector<std::vector<ScoredToken>>> found_;
};

}  // namespace

std::vector<std::vector<std::vector<ScoredToken>>> score_continuations(
    Model& model, std::span<const Alternatives> questions, const PassLimits& limits) {
  return Scorer(model, questions, limits).scores();
}

namespace {

/// Whether no token is likelier than the target, and no lower id equally likely.
template <class T>
bool is_likeliest(const T* logits, int32_t target, double highest) {
  const T mine = logits[target];
  return static_cast<double>(mine) >= highest && std::find(logits, logits + target, mine) == logits + target;
}

/// The scored tokens, given the logits in host memory.
template <class T>
std::vector<ScoredToken> scored(const T* logits, int64_t V, std::span<const int32_t> targets,
                                const std::vector<double>& nats, const std::vector<double>& stats) {
  std::vector<ScoredToken> found;
  for (size_t r = 0; r < targets.size(); ++r)
    if (targets[r] != ignored_target)
      found.push_back({targets[r], -nats[r],
                       is_likeliest(logits + static_cast<int64_t>(r) * V, targets[r], stats[2 * r])});
  return found;
}

}  // namespace

std::vector<ScoredToken> score_targets(const Tensor& all_logits, std::span<const int32_t> targets) {
  const Tensor logits = all_logits.dtype() == DType::f64 ? all_logits : as_type(all_logits, DType::f32);
  const int64_t rows = logits.rows(), V = logits.cols();
  require(static_cast<int64_t>(targets.size()) == rows, targets.size(), " targets for ", rows,
          " rows of logits; expected one each");
  if (std::all_of(targets.begin(), targets.end(), [](int32_t t) { return t == ignored_target; })) return {};
  for (const int32_t& target : targets)
    if (target != ignored_target) check_ids({&target, 1}, V, "target");
  const Tensor ids = Tensor::from(logits.device(), targets, {rows});
  const Tensor losses = logits.like({rows}), stats = logits.like({rows, 2});
  run(logits.device(), CrossEntropyForward{logits.dtype(), rows, V, logits.data(), ids.ptr<int32_t>(),
                                           losses.data(), stats.data()});
  const std::vector<double> nats = losses.doubles(), highest = stats.doubles();
  if (logits.device().kind() != Device::Kind::cpu)
    return scored(logits.doubles().data(), V, targets, nats, highest);
  return logits.dtype() == DType::f64 ? scored(logits.ptr<double>(), V, targets, nats, highest)
                                      : scored(logits.ptr<float>(), V, targets, nats, highest);
}

}  // namespace hewn
