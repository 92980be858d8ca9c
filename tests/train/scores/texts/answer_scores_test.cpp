// Metrics of answers, and sacrebleu's and rouge-score's where they are installed.

#include "train/scores/texts/answer_scores.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/process.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

using test::near;
using Texts = std::vector<std::string>;

/// The metrics of answers to rows with one reference each.
std::map<std::string, double> metrics_of(const Texts& answers, const Texts& references) {
  std::vector<AnswerRow> rows;
  for (const std::string& reference : references) rows.push_back({"", {reference}, ""});
  std::map<std::string, double> values;
  for (const AnswerMetric& metric : answer_metrics()) {
    const RowFigures figures = figures_of(metric, answers, rows);
    std::vector<double> sums(figures[0].size());
    for (const auto& row : figures)
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += row[i];
    values[std::string(metric.name)] = metric.value(sums, static_cast<double>(rows.size()));
  }
  return values;
}

}  // namespace

TEST_CASE("answer scores: of single answers and of all together", "[scores]") {
  // 5 of 6 words and 3 of 5 pairs; 1 of 2 words and no pair, which counts as 1 / (2 * 1)
  const auto values = metrics_of({"the cat sat on the mat", "a dog"}, {"the cat is on the mat", "a cat"});
  CHECK(near(values.at("bleu_1"), 100 * 6.0 / 8));
  CHECK(near(values.at("bleu_2"), 100 * std::sqrt(6.0 / 8 * 3 / 6)));
  CHECK(near(values.at("sentence_bleu_1"), 100 * (5.0 / 6 + 1.0 / 2) / 2));
  CHECK(near(values.at("sentence_bleu_2"),
             100 * (std::sqrt(5.0 / 6 * 3 / 5) + std::sqrt(1.0 / 2 / (2 * 1))) / 2));
  CHECK(values.at("sentence_bleu_4") < values.at("sentence_bleu_3"));
  CHECK(near(values.at("rouge_l"), (5.0 / 6 + 1.0 / 2) / 2));
  CHECK(near(values.at("distinct_1"), (5.0 / 6 + 1) / 2));
  CHECK(values.at("exact_match") == 0);
}

TEST_CASE("answer scores: rows are read, and refused with line and column", "[scores]") {
  const auto rows = answer_rows_of(Table("t", R"({"prompt": "a?", "reference": ["b", ""]}
{"prompt": "c?", "reference": "d"})"));
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].references == Texts{"b", ""});
  CHECK(rows[1].references == Texts{"d"});
  CHECK(rows[1].prompt == "c?");
  CHECK(rows[1].where == "t, line 2");
  const auto refused = [](const char* row, std::initializer_list<std::string> parts) {
    const std::string text = std::string(R"({"prompt": "a?", "reference": "b"})") + "\n" + row;
    return test::fails(ErrorCode::input, parts, [&] { answer_rows_of(Table("t", text)); });
  };
  CHECK(refused(R"({"prompt": "c?", "reference": ["d", 1]})",
                {"t, line 2, column 31 (reference): a list with number; expected texts only"}));
  CHECK(refused(R"({"prompt": "c?", "reference": [["d"]]})", {"(reference): a list with array"}));
  CHECK(refused(R"({"prompt": "c?", "reference": []})",
                {"t, line 2, column 31 (reference): an empty list; expected at least one text"}));
  CHECK(refused(R"({"prompt": "", "reference": "d"})",
                {"t, line 2, column 12 (prompt): an empty text; expected at least one character"}));
}

TEST_CASE("answer scores: columns of references and of answers made elsewhere", "[scores]") {
  const auto references = [](const char* rows) {
    return answer_rows_of(Table("t", rows), Prompts::unused).at(0).references;
  };
  CHECK(references(R"([{"output": "x", "response": "y"}])") == Texts{"x"});
  CHECK(references(R"([{"output": "x", "reference": "z"}])") == Texts{"z"});
  CHECK(responses_of(Table("t", R"([{"answer": "x"}])")) == Texts{"x"});
  CHECK(responses_of(Table("t", R"([{"answer": "x", "response": "y"}])")) == Texts{"y"});
  CHECK(test::fails(ErrorCode::input, {"t, line 1: `response` is missing"},
                    [] { responses_of(Table("t", R"([{"text": "x"}])")); }));
  CHECK(test::fails(ErrorCode::input,
                    {"`reference` is missing; expected rows with `response` and `reference`"},
                    [&] { references(R"([{"response": "x"}])"); }));
  const std::string needed = " is missing; expected rows with `prompt` and `reference`";
  CHECK(test::fails(ErrorCode::input, {"t, line 1: `reference`" + needed},
                    [] { answer_rows_of(Table("t", R"([{"prompt": "x"}])")); }));
  CHECK(test::fails(ErrorCode::input, {"t, line 1: `prompt`" + needed},
                    [] { answer_rows_of(Table("t", R"([{"reference": "x"}])")); }));
}

TEST_CASE("answer scores: those of sacrebleu and rouge-score", "[scores]") {
  if (test::run_program({"python3", "-c", "import sacrebleu, rouge_score"}).exit_code != 0)
    return test::skip("sacrebleu and rouge-score are not installed");
  test::Random random("texts");
  const auto text = [&] {
    const Texts words{"the", "cat", "sat", "on", "mats,", "it's", "3.5", "(well-known)", "running", "dogs."};
    std::string line;
    for (int64_t n = random.integer(1, 12); n > 0; --n) line += random.one_of(words) + " ";
    return line;
  };
  Texts answers, references;
  for (int i = 0; i < 40; ++i) {
    references.push_back(text());
    answers.push_back(i % 3 == 0 ? references.back() + text() : text());
  }
  const test::TempDir dir;
  test::write_file(dir / "in.json", nlohmann::json{{"a", answers}, {"r", references}}.dump());
  const auto result = test::run_program({"python3", "-c", R"(
import json, sys
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU
d = json.load(open(sys.argv[1]))
pairs = list(zip(d['a'], d['r']))
mean = lambda values: sum(values) / len(pairs)
out = {}
for n in range(1, 5):
    out[f'bleu_{n}'] = BLEU(max_ngram_order=n).corpus_score(d['a'], [d['r']]).score
    one = BLEU(max_ngram_order=n, effective_order=True)
    out[f'sentence_bleu_{n}'] = mean([one.sentence_score(a, [r]).score for a, r in pairs])
for name, stemming in (('rouge_l', False), ('rouge_l_stemmed', True)):
    scorer = rouge_scorer.RougeScorer(['rougeL'], use_stemmer=stemming)
    out[name] = mean([scorer.score(r, a)['rougeL'].fmeasure for a, r in pairs])
print(json.dumps(out))
)",
                                         (dir / "in.json").string()});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const auto ours = metrics_of(answers, references);
  const auto theirs = nlohmann::json::parse(result.out);
  CHECK(theirs.size() == 10);
  for (const auto& [name, value] : theirs.items()) {
    INFO(name);
    CHECK(std::abs(ours.at(name) - value.get<double>()) <= 1e-6);
  }
}

}  // namespace hewn
