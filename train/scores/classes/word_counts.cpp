#include "train/scores/classes/word_counts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/error.h"
#include "model/tokenizer/utf8.h"
#include "train/scores/classes/minimize.h"

namespace hewn {
namespace {

using Counts = std::vector<std::pair<int32_t, double>>;

/// Replaces the logits of labels by log-probabilities.
void normalise(std::vector<double>& logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - most);
  for (double& logit : logits) logit -= most + std::log(sum);
}

/// Log-probabilities of the labels of one row.
std::vector<double> log_probabilities(const Counts& row, const std::vector<double>& weights,
                                      size_t n_labels) {
  std::vector<double> logits(weights.end() - static_cast<int64_t>(n_labels), weights.end());
  for (const auto& [word, count] : row)
    for (size_t k = 0; k < n_labels; ++k)
      logits[k] += count * weights[static_cast<size_t>(word) * n_labels + k];
  normalise(logits);
  return logits;
}

/// The mean over the rows of -log P(label), plus |W|^2 / (2 c n), and its gradient.
class Loss {
 public:
  Loss(const std::vector<Counts>& rows, std::span<const int32_t> labels, size_t n_labels, double c)
      : rows_(rows), labels_(labels), K_(n_labels), decay_(1 / (c * static_cast<double>(rows.size()))) {}

  double operator()(const std::vector<double>& weights, std::vector<double>& gradient) const {
    const double share = 1 / static_cast<double>(rows_.size());
    const size_t biases = weights.size() - K_;
    std::fill(gradient.begin(), gradient.end(), 0.0);
    double loss = 0;
    for (size_t i = 0; i < biases; ++i) {
      loss += 0.5 * decay_ * weights[i] * weights[i];
      gradient[i] = decay_ * weights[i];
    }
    for (size_t row = 0; row < rows_.size(); ++row) {
      std::vector<double> delta = log_probabilities(rows_[row], weights, K_);
      const auto label = static_cast<size_t>(labels_[row]);
      loss -= share * delta[label];
      for (double& value : delta) value = share * std::exp(value);
      delta[label] -= share;
      for (size_t k = 0; k < K_; ++k) gradient[biases + k] += delta[k];
      for (const auto& [word, count] : rows_[row])
        for (size_t k = 0; k < K_; ++k) gradient[static_cast<size_t>(word) * K_ + k] += count * delta[k];
    }
    return loss;
  }

 private:
  const std::vector<Counts>& rows_;
  std::span<const int32_t> labels_;
  size_t K_;
  double decay_;
};

}  // namespace

std::vector<std::string> words_of(std::string_view original) {
  const std::string text = lower_case(original);
  std::vector<std::string> words;
  std::string word;
  const auto end = [&] {
    if (!word.empty()) words.push_back(std::exchange(word, {}));
  };
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    at += std::max<size_t>(point.bytes, 1);
    if (point.bytes > 0 && is_word_character(point.value))
      append_utf8(word, point.value);
    else
      end();
  }
  end();
  return words;
}

WordCounts::WordCounts(std::span<const std::string_view> texts, std::span<const int32_t> labels,
                       int32_t n_labels, const Options& options)
    : n_labels_(static_cast<size_t>(std::max(n_labels, 0))) {
  require(n_labels >= 2, "a classifier needs at least two labels, not ", n_labels);
  require(!texts.empty() && texts.size() == labels.size(), texts.size(), " texts with ", labels.size(),
          " labels; expected the same number of both, at least one");
  for (const int32_t label : labels)
    require(label >= 0 && label < n_labels, "label ", label, "; expected 0 to ", n_labels - 1);
  learn_vocabulary(texts, std::max<int64_t>(1, options.most_weights / n_labels));
  std::vector<Counts> rows;
  for (const std::string_view text : texts) rows.push_back(counts_of(text));
  weights_.resize((vocabulary_.size() + 1) * n_labels_);
  minimize(weights_, Loss(rows, labels, n_labels_, options.c), 1e-7, options.most_iterations);
}

void WordCounts::learn_vocabulary(std::span<const std::string_view> texts, int64_t most) {
  std::map<std::string, int64_t> counts;
  for (const std::string_view text : texts)
    for (std::string& word : words_of(text)) ++counts[std::move(word)];
  std::vector<std::pair<std::string, int64_t>> list(counts.begin(), counts.end());
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (std::ssize(list) > most) list.resize(static_cast<size_t>(most));
  for (const auto& [word, count] : list) vocabulary_.emplace(word, static_cast<int32_t>(vocabulary_.size()));
}

Counts WordCounts::counts_of(std::string_view text) const {
  std::map<int32_t, double> counts;
  for (const std::string& word : words_of(text))
    if (const auto found = vocabulary_.find(word); found != vocabulary_.end()) ++counts[found->second];
  return {counts.begin(), counts.end()};
}

std::vector<double> WordCounts::probabilities(std::string_view text) const {
  std::vector<double> values = log_probabilities(counts_of(text), weights_, n_labels_);
  for (double& value : values) value = std::exp(value);
  return values;
}

int32_t WordCounts::label(std::string_view text) const {
  const std::vector<double> values = probabilities(text);
  return static_cast<int32_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace hewn
