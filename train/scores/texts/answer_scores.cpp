#include "train/scores/texts/answer_scores.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"
#include "train/scores/texts/answers.h"
#include "train/scores/texts/bleu.h"
#include "train/scores/texts/rouge.h"
#include "train/scores/texts/words.h"

namespace hewn {
namespace {

using Texts = std::vector<std::string>;

Texts references_of(const Table& table, int64_t row, int64_t column) {
  if (table.type(row, column) != ValueType::list) return {std::string(table.text(row, column))};
  Texts texts;
  for (const auto& item : parse_json(table.json(row, column))) {
    if (!item.is_string())
      fail(ErrorCode::input, table.where(row, column), ": a list with ", item.type_name(),
           "; expected texts only");
    texts.push_back(item.get<std::string>());
  }
  if (texts.empty())
    fail(ErrorCode::input, table.where(row, column), ": an empty list; expected at least one text");
  return texts;
}

// BLEU's counts as figures: words of the answer, words of the reference, matches, possible n-grams.
std::vector<double> counted(std::string_view answer, const Texts& references) {
  const BleuCounts counts = bleu_counts(answer, references);
  std::vector<double> figures{counts.answer_words, counts.reference_words};
  figures.insert(figures.end(), counts.matches.begin(), counts.matches.end());
  figures.insert(figures.end(), counts.possible.begin(), counts.possible.end());
  return figures;
}

template <size_t order>
double corpus_bleu(std::span<const double> sums, double) {
  BleuCounts counts{.answer_words = sums[0], .reference_words = sums[1]};
  std::copy_n(sums.begin() + 2, BleuCounts::longest, counts.matches.begin());
  std::copy_n(sums.begin() + 2 + BleuCounts::longest, BleuCounts::longest, counts.possible.begin());
  return bleu(counts, order);
}

template <size_t order>
std::vector<double> sentence_bleu(std::string_view answer, const Texts& references) {
  return {bleu(bleu_counts(answer, references), order, BleuOrder::effective)};
}

constexpr AnswerMetric metrics[] = {
    {"exact_match", [](std::string_view a, const Texts& r) { return std::vector{exact_match(a, r)}; },
     mean_of_rows, true},
    {"f1", [](std::string_view a, const Texts& r) { return std::vector{token_f1(a, r)}; }, mean_of_rows},
    {"bleu_1", counted, corpus_bleu<1>},
    {"bleu_2", counted, corpus_bleu<2>},
    {"bleu_3", counted, corpus_bleu<3>},
    {"bleu_4", counted, corpus_bleu<4>},
    {"sentence_bleu_1", sentence_bleu<1>, mean_of_rows},
    {"sentence_bleu_2", sentence_bleu<2>, mean_of_rows},
    {"sentence_bleu_3", sentence_bleu<3>, mean_of_rows},
    {"sentence_bleu_4", sentence_bleu<4>, mean_of_rows},
    {"rouge_l", [](std::string_view a, const Texts& r) { return std::vector{rouge_l(a, r)}; }, mean_of_rows},
    {"rouge_l_stemmed",
     [](std::string_view a, const Texts& r) { return std::vector{rouge_l(a, r, Stemming::yes)}; },
     mean_of_rows},
    {"distinct_1", [](std::string_view a, const Texts&) { return std::vector{distinct(split_words(a), 1)}; },
     mean_of_rows},
    {"distinct_2", [](std::string_view a, const Texts&) { return std::vector{distinct(split_words(a), 2)}; },
     mean_of_rows},
    {"repetition", [](std::string_view a, const Texts&) { return std::vector{repetition(a)}; }, mean_of_rows},
};

}  // namespace

std::vector<AnswerRow> answer_rows_of(const Table& table, Prompts prompts) {
  const auto need = [&](const char* name) {
    if (const auto found = table.find_column(name)) return *found;
    fail(ErrorCode::input, table.where(0), ": `", name, "` is missing; expected rows with ",
         prompts == Prompts::needed ? "`prompt` and `reference`" : "`response` and `reference`");
  };
  const bool answered = prompts == Prompts::unused && !table.find_column("reference");
  const int64_t reference = need(answered && table.find_column("output") ? "output" : "reference");
  const std::vector<int64_t> lines = table.row_lines();
  std::vector<AnswerRow> rows;
  for (int64_t i = 0; i < table.rows(); ++i)
    rows.push_back({"", references_of(table, i, reference),
                    join(table.name(), ", line ", lines[static_cast<size_t>(i)])});
  if (prompts == Prompts::unused) return rows;
  const int64_t prompt = need("prompt");
  for (int64_t i = 0; i < table.rows(); ++i) {
    rows[static_cast<size_t>(i)].prompt = table.text(i, prompt);
    if (rows[static_cast<size_t>(i)].prompt.empty())
      fail(ErrorCode::input, table.where(i, prompt), ": an empty text; expected at least one character");
  }
  return rows;
}

std::vector<std::string> responses_of(const Table& table) {
  auto column = table.find_column("response");
  if (!column) column = table.find_column("answer");
  if (!column) fail(ErrorCode::input, table.where(0), ": `response` is missing; expected it in every row");
  std::vector<std::string> responses;
  for (int64_t i = 0; i < table.rows(); ++i) responses.emplace_back(table.text(i, *column));
  return responses;
}

std::span<const AnswerMetric> answer_metrics() { return metrics; }

RowFigures figures_of(const AnswerMetric& metric, const std::vector<std::string>& answers,
                      const std::vector<AnswerRow>& rows) {
  require(answers.size() == rows.size(), answers.size(), " answers to ", rows.size(), " prompts");
  RowFigures figures;
  for (size_t i = 0; i < rows.size(); ++i) figures.push_back(metric.figures(answers[i], rows[i].references));
  return figures;
}

}  // namespace hewn
