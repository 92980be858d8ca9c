#include "train/tasks/classifier.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/tape.h"
#include "model/generation/context.h"
#include "kernels/contract/contract.h"

namespace hewn {
namespace {

/// Positions computed at a time: enough to keep the cores or the GPU busy. Fewer need less padding, since rows of a batch
/// have more similar lengths, and on a CPU their activations remain in the caches.
int64_t most_positions(const Model& model) { return executor(model.device()).gpu() ? 4096 : 512; }

int64_t size_of_text(const std::vector<int32_t>& text) { return std::ssize(text); }

/// Replaces logits by the logarithms of their softmax.
void take_log_softmax(std::span<double> logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - most);
  for (double& logit : logits) logit -= most + std::log(sum);
}

/// Computes texts `order[0]`, `order[1]` ... of at most T tokens together.
void classify_together(Model& model, std::span<const std::vector<int32_t>> texts,
                       std::span<const size_t> order, int64_t T, std::vector<std::vector<double>>& results) {
  const int64_t rows = std::ssize(order), K = model.config().n_labels;
  std::vector<int32_t> tokens(static_cast<size_t>(rows * T));
  ForwardOptions options;
  for (int64_t row = 0; row < rows; ++row) {
    const std::vector<int32_t>& text = texts[order[static_cast<size_t>(row)]];
    std::copy(text.begin(), text.end(), tokens.begin() + row * T);
    options.ends.push_back(size_of_text(text) - 1);
  }
  const std::vector<double> logits =
      model.logits(Tensor::from(model.device(), tokens, {rows, T}), options).doubles();  // [rows, 1, K]
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<double>& result = results[order[static_cast<size_t>(row)]];
    result.assign(logits.begin() + row * K, logits.begin() + (row + 1) * K);
    take_log_softmax(result);
  }
}

}  // namespace

TextReader::TextReader(const TextEncoder& texts, int64_t max_length)
    : texts_(texts), max_length_(max_length), nothing_(texts.ends().empty() ? 0 : texts.ends().front()) {
  require(max_length >= 1, "max_length = ", max_length, "; expected at least 1");
}

TextReader::Text TextReader::read(std::string_view text) const {
  Text result;
  result.tokens = texts_.text(text);
  result.empty = result.tokens.size() == (texts_.begin() ? 1 : 0);
  if (result.empty) result.tokens.push_back(nothing_);
  result.cut = size_of_text(result.tokens) > max_length_;
  keep_newest(result.tokens, max_length_, texts_.begin());
  return result;
}

std::vector<std::vector<double>> label_log_probabilities(Model& model,
                                                         std::span<const std::vector<int32_t>> texts,
                                                         const std::function<bool()>& stop) {
  const NoGrad none;
  std::vector<size_t> order(texts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return texts[a].size() < texts[b].size(); });
  std::vector<std::vector<double>> results(texts.size());
  const int64_t most = most_positions(model);
  for (size_t first = 0; first < order.size();) {
    if (stop && stop()) return {};
    size_t end = first + 1;
    const auto positions = [&](size_t last) {
      return static_cast<int64_t>(last - first + 1) * size_of_text(texts[order[last]]);
    };
    while (end < order.size() && positions(end) <= most) ++end;
    classify_together(model, texts, std::span(order).subspan(first, end - first),
                      size_of_text(texts[order[end - 1]]), results);
    first = end;
  }
  return results;
}

int32_t likeliest(std::span<const double> values) {
  return static_cast<int32_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

std::optional<ClassifierScore> score_classifier(Model& model, std::span<const LabelledText> texts,
                                                const std::function<bool()>& stop) {
  require(!texts.empty(), "there are no texts to score");
  std::vector<std::vector<int32_t>> tokens;
  for (const LabelledText& text : texts) tokens.push_back(text.tokens);
  ClassifierScore score{0, Confusion(static_cast<size_t>(model.config().n_labels))};
  const auto results = label_log_probabilities(model, tokens, stop);
  if (results.empty()) return std::nullopt;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto label = static_cast<size_t>(texts[i].label);
    score.loss -= results[i].at(label) / static_cast<double>(texts.size());
    score.counts.add(label, static_cast<size_t>(likeliest(results[i])));
  }
  return score;
}

}  // namespace hewn
