#include "train/scores/eval_scores.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace hewn {
namespace {

constexpr size_t questions_at_a_time = 128;

double characters_of(std::string_view text) {
  double characters = 0;
  for (const char byte : text) characters += (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
  return characters;
}

/// The index of the highest value, the first among equals.
size_t highest(const std::vector<double>& values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

double sum_from(const std::vector<ScoredToken>& tokens, int64_t begin) {
  double sum = 0;
  for (auto token = tokens.begin() + begin; token != tokens.end(); ++token) sum += token->log_probability;
  return sum;
}

EvalAnswer answer_of(const EvalTask& task, const EvalRow& row, const EvalPrompt& prompt,
                     const std::vector<std::vector<ScoredToken>>& scored) {
  EvalAnswer answer{.log_probability = {}, .chosen = {}, .cut = prompt.cut};
  std::vector<double> per_token, per_character;
  for (size_t c = 0; c < scored.size(); ++c) {
    const int64_t begin = prompt.choices[c].begin, decisive = prompt.decisive[c] - begin;
    answer.log_probability.push_back(sum_from(scored[c], prompt.continuation[c] - begin));
    if (std::isnan(answer.log_probability.back()))
      fail(ErrorCode::numerical, row.where, ": the log probability of choice ", c,
           " is NaN; the model's weights are damaged (hewn info)");
    per_token.push_back(sum_from(scored[c], decisive) /
                        static_cast<double>(std::ssize(scored[c]) - decisive));
    const std::string& text = row.continuations[row.continuations.size() > 1 ? c : 0];
    per_character.push_back(answer.log_probability.back() / characters_of(text));
  }
  for (const EvalMetric metric : metrics_of(task.kind)) switch (metric) {
      case EvalMetric::accuracy:
        if (task.kind == EvalKind::continuation)
          answer.chosen.push_back(!std::all_of(scored[0].begin(), scored[0].end(),
                                               [](const ScoredToken& token) { return token.likeliest; }));
        else
          answer.chosen.push_back(highest(answer.log_probability));
        break;
      case EvalMetric::accuracy_per_token: answer.chosen.push_back(highest(per_token)); break;
      case EvalMetric::accuracy_per_character: answer.chosen.push_back(highest(per_character)); break;
    }
  return answer;
}

}  // namespace

std::string_view name_of(EvalMetric metric) {
  switch (metric) {
    case EvalMetric::accuracy: return "accuracy";
    case EvalMetric::accuracy_per_token: return "accuracy_per_token";
    case EvalMetric::accuracy_per_character: break;
  }
  return "accuracy_per_character";
}

std::vector<EvalMetric> metrics_of(EvalKind kind) {
  switch (kind) {
    case EvalKind::multiple_choice:
      return {EvalMetric::accuracy, EvalMetric::accuracy_per_token, EvalMetric::accuracy_per_character};
    case EvalKind::schema: return {EvalMetric::accuracy, EvalMetric::accuracy_per_token};
    case EvalKind::continuation: break;
  }
  return {EvalMetric::accuracy};
}

EvalMetric main_metric(EvalKind kind) {
  return kind == EvalKind::continuation ? EvalMetric::accuracy : EvalMetric::accuracy_per_token;
}

std::vector<EvalAnswer> answer_task(Model& model, const TextEncoder& texts, const EvalTask& task,
                                    uint64_t seed, const std::function<void(size_t answered)>& progress) {
  const EvalFormat format{.block_size = model.config().block_size, .seed = seed};
  std::vector<EvalAnswer> answers;
  while (answers.size() < task.rows.size()) {
    const size_t first = answers.size(), last = std::min(first + questions_at_a_time, task.rows.size());
    std::vector<EvalPrompt> prompts;
    std::vector<Alternatives> questions;
    for (size_t row = first; row < last; ++row) {
      prompts.push_back(eval_prompt(task, row, texts, format));
      questions.push_back(prompts.back().choices);
    }
    const auto scored = score_continuations(model, questions);
    for (size_t row = first; row < last; ++row)
      answers.push_back(answer_of(task, task.rows[row], prompts[row - first], scored[row - first]));
    if (progress) progress(answers.size());
  }
  return answers;
}

RowFigures hits_of(const EvalTask& task, const std::vector<EvalAnswer>& answers, EvalMetric metric) {
  const std::vector<EvalMetric> metrics = metrics_of(task.kind);
  const auto place = std::find(metrics.begin(), metrics.end(), metric);
  require(place != metrics.end(), "tasks of kind ", name_of(task.kind), " have no ", name_of(metric));
  RowFigures hits;
  for (size_t i = 0; i < answers.size(); ++i) {
    const size_t chosen = answers[i].chosen[static_cast<size_t>(place - metrics.begin())];
    hits.push_back({chosen == task.rows[i].gold ? 1.0 : 0.0});
  }
  return hits;
}

}  // namespace hewn
