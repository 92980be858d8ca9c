#include "model/generation/beam.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "model/generation/context.h"
#include "model/generation/sampling.h"

namespace hewn {
namespace {

struct Candidate {
  int64_t beam = 0;
  int32_t token = 0;
  double log_probability = 0;
};

/// The n best next steps of all beams, best first.
std::vector<Candidate> best_steps(const std::vector<double>& logits, const std::vector<BeamText>& beams,
                                  size_t n) {
  std::vector<Candidate> all;
  const size_t V = logits.size() / beams.size();
  for (size_t b = 0; b < beams.size(); ++b) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(b * V);
    const std::vector<double> logs = log_probabilities({row, row + static_cast<std::ptrdiff_t>(V)});
    for (const int32_t token : likeliest(logs, n))
      all.push_back(
          {static_cast<int64_t>(b), token, beams[b].log_probability + logs[static_cast<size_t>(token)]});
  }
  std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
    return a.log_probability > b.log_probability;
  });
  all.resize(std::min(all.size(), n));
  return all;
}

class Search {
 public:
  Search(Model& model, const std::vector<int32_t>& prompt, const BeamOptions& options)
      : options_(options), context_(model, options.context), live_(1) {
    for (const int32_t token : prompt) context_.push({token});
  }

  std::vector<BeamText> run() {
    for (int64_t n = 0; n < options_.max_new_tokens && !settled(n); ++n) step();
    for (BeamText& text : live_) finish(std::move(text), false);
    std::stable_sort(done_.begin(), done_.end(),
                     [](const BeamText& a, const BeamText& b) { return a.score > b.score; });
    done_.resize(std::min(done_.size(), static_cast<size_t>(options_.n_best)));
    return std::move(done_);
  }

 private:
  double ranked(double log_probability, int64_t tokens) const {
    return log_probability /
           std::pow(static_cast<double>(std::max<int64_t>(tokens, 1)), options_.length_penalty);
  }

  void finish(BeamText text, bool ended) {
    text.ended = ended;
    text.score = ranked(text.log_probability, static_cast<int64_t>(text.tokens.size()) + ended);
    done_.push_back(std::move(text));
  }

  // Whether no live text can still become one of the n best: log P only decreases, and a text cannot be
  // longer than max_new_tokens.
  bool settled(int64_t tokens) const {
    if (static_cast<int64_t>(done_.size()) < options_.n_best) return false;
    if (live_.empty()) return true;
    std::vector<double> scores;
    for (const BeamText& text : done_) scores.push_back(text.score);
    std::sort(scores.rbegin(), scores.rend());
    const int64_t length = options_.length_penalty > 0 ? options_.max_new_tokens : tokens + 1;
    return scores[static_cast<size_t>(options_.n_best - 1)] >= ranked(live_[0].log_probability, length);
  }

  void step() {
    const auto width = static_cast<size_t>(options_.beams);
    // Among this many steps, at least `width` do not end their text.
    const size_t wanted = width * (1 + options_.stop_tokens.size());
    std::vector<BeamText> next;
    std::vector<int64_t> from;
    std::vector<int32_t> tokens;
    for (const Candidate& step : best_steps(context_.next_logits(), live_, wanted)) {
      if (next.size() == width) break;
      BeamText text = live_[static_cast<size_t>(step.beam)];
      text.log_probability = step.log_probability;
      if (std::find(options_.stop_tokens.begin(), options_.stop_tokens.end(), step.token) !=
          options_.stop_tokens.end()) {
        finish(std::move(text), true);
        continue;
      }
      text.tokens.push_back(step.token);
      next.push_back(std::move(text));
      from.push_back(step.beam);
      tokens.push_back(step.token);
    }
    live_ = std::move(next);
    context_.select(from);
    context_.push(tokens);
  }

  const BeamOptions& options_;
  Context context_;
  std::vector<BeamText> live_, done_;
};

}  // namespace

std::vector<BeamText> beam_search(Model& model, const std::vector<int32_t>& prompt,
                                  const BeamOptions& options) {
  require(!prompt.empty(), "beam search needs a prompt of at least one token");
  require(options.beams >= 1, "beams = ", options.beams, "; expected 1 or more");
  require(options.n_best >= 1 && options.n_best <= options.beams, "n_best = ", options.n_best,
          "; expected 1 to ", options.beams, ", the number of beams");
  require(std::isfinite(options.length_penalty), "length_penalty = ", options.length_penalty,
          "; expected a number");
  const NoGrad none;
  const Scope scope("generate");
  return Search(model, prompt, options).run();
}

}  // namespace hewn
