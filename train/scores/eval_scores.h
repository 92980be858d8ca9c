#pragma once
// A model's answers to the questions of a task, and how many are right.

#include <functional>
#include <string_view>
#include <vector>

#include "model/model.h"
#include "train/scores/eval_prompts.h"
#include "train/scores/resampling.h"

namespace hewn {

/// How the answer to a question is chosen.
enum class EvalMetric : uint8_t {
  accuracy,  ///< the choice with the highest log probability; of a continuation, whether each of its
             ///< tokens is the most likely one
  accuracy_per_token,  ///< the highest mean per decisive token (EvalPrompt), as CORE decides
  accuracy_per_character,  ///< the highest log probability per character of the choice, as lm-evaluation-harness's
                           ///< acc_norm decides
};
std::string_view name_of(EvalMetric metric);

/// The metrics of a kind of task.
std::vector<EvalMetric> metrics_of(EvalKind kind);
/// The metric that counts for the mean over tasks, as in CORE: `accuracy` of continuations, else `accuracy_per_token`.
EvalMetric main_metric(EvalKind kind);

/// The answer to one question.
struct EvalAnswer {
  std::vector<double> log_probability;  ///< of each choice
  std::vector<size_t> chosen;  ///< by each of metrics_of(kind); of a continuation, 0 if right, else 1
  bool cut = false;            ///< EvalPrompt::cut
};

/// Answers all questions of a task; `progress` is called with the number answered so far. Throws
/// ErrorCode::numerical for a log probability that is NaN, and like `eval_prompt`.
std::vector<EvalAnswer> answer_task(Model& model, const TextEncoder& texts, const EvalTask& task,
                                    uint64_t seed, const std::function<void(size_t answered)>& progress = {});

/// One figure per row: 1 if the answer chosen by this metric is right, else 0.
RowFigures hits_of(const EvalTask& task, const std::vector<EvalAnswer>& answers, EvalMetric metric);

}  // namespace hewn
