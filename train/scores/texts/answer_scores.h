#pragma once
// Scores of generated answers against references.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "train/scores/resampling.h"
#include "train/tables/table.h"

namespace hewn {

/// A prompt and its accepted answers.
struct AnswerRow {
  std::string prompt;
  std::vector<std::string> references;  ///< one or more, equally good
  std::string where;                    ///< "answers.jsonl, line 3", for messages
};

/// Whether rows need prompts to be answered, or already have answers.
enum class Prompts : bool { unused, needed };

/// The rows of a table: the column `reference`, a text or, in JSON, a list of texts, and `prompt` if needed. Without
/// prompts, `output` serves as `reference`, as in responses.json. Throws
/// ErrorCode::input naming line and column for a missing or malformed value, an empty prompt and an empty list.
std::vector<AnswerRow> answer_rows_of(const Table& table, Prompts prompts = Prompts::needed);
/// Answers already in a table: the column `response` or `answer`. Throws likewise.
std::vector<std::string> responses_of(const Table& table);

/// A metric of answers.
struct AnswerMetric {
  std::string_view name;
  /// The figures of one answer.
  std::vector<double> (*figures)(std::string_view answer, const std::vector<std::string>& references);
  /// The metric of all of them.
  double (*value)(std::span<const double> sums, double rows);
  bool hit = false;  ///< whether the figure of a row is 0 or 1
};

/// exact_match, f1, bleu_1 to bleu_4 and sentence_bleu_1 to sentence_bleu_4 (in percent), rouge_l, rouge_l_stemmed,
/// distinct_1, distinct_2, repetition.
std::span<const AnswerMetric> answer_metrics();

/// The figures of all answers, one set per row.
RowFigures figures_of(const AnswerMetric& metric, const std::vector<std::string>& answers,
                      const std::vector<AnswerRow>& rows);

}  // namespace hewn
