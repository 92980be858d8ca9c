#include "apps/finetune/class_report.h"

#include <algorithm>

#include "apps/cli/format.h"
#include "core/text.h"
#include "model/json.h"
#include "train/scores/classes/confusion.h"

namespace hewn::cli {
namespace {

constexpr size_t widest_matrix = 10;

std::vector<int32_t> labels_of(const std::vector<ClassRow>& rows) {
  std::vector<int32_t> labels;
  for (const ClassRow& row : rows) labels.push_back(row.label);
  return labels;
}

int32_t most_frequent_of(const std::vector<ClassRow>& rows, size_t n_labels) {
  std::vector<int64_t> counts(n_labels);
  for (const ClassRow& row : rows) ++counts[static_cast<size_t>(row.label)];
  return static_cast<int32_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
}

template <class Predict>
Confusion counted(const std::vector<ClassRow>& rows, size_t n_labels, const Predict& predict) {
  Confusion counts(n_labels);
  for (const ClassRow& row : rows)
    counts.add(static_cast<size_t>(row.label), static_cast<size_t>(predict(row.text)));
  return counts;
}

std::string table_by_label(const Confusion& counts, const std::vector<std::string>& labels) {
  std::vector<std::vector<std::string>> rows{{"label", "precision", "recall", "F1", "rows"}};
  for (size_t k = 0; k < labels.size(); ++k) {
    const ClassScore score = counts.score(k);
    rows.push_back({labels[k], fixed(score.precision, 4), fixed(score.recall, 4), fixed(score.f1, 4),
                    long_count(score.rows)});
  }
  return table_text(rows);
}

std::string matrix(const Confusion& counts, const std::vector<std::string>& labels) {
  std::vector<std::vector<std::string>> rows{{"true label \\ predicted"}};
  rows[0].insert(rows[0].end(), labels.begin(), labels.end());
  for (size_t truth = 0; truth < labels.size(); ++truth) {
    rows.push_back({labels[truth]});
    for (size_t predicted = 0; predicted < labels.size(); ++predicted)
      rows.back().push_back(long_count(counts.count(truth, predicted)));
  }
  return table_text(rows);
}

Json short_scores(const Confusion& counts) {
  return {{"accuracy", counts.accuracy()}, {"f1_macro", counts.macro_f1()}};
}

}  // namespace

ClassBaselines::ClassBaselines(const std::vector<ClassRow>& train, size_t n_labels)
    : n_labels_(n_labels),
      most_frequent_(most_frequent_of(train, n_labels)),
      words_(texts_of(train), labels_of(train), static_cast<int32_t>(n_labels)) {}

Confusion ClassBaselines::most_frequent(const std::vector<ClassRow>& rows) const {
  return counted(rows, n_labels_, [this](std::string_view) { return most_frequent_; });
}

Confusion ClassBaselines::word_counts(const std::vector<ClassRow>& rows) const {
  return counted(rows, n_labels_, [this](std::string_view text) { return words_.label(text); });
}

std::string scores_text(const ClassScores& scores, const std::vector<std::string>& labels) {
  const Confusion& counts = scores.model.counts;
  const Bounds bounds = counts.accuracy_interval();
  std::string text =
      join(scores.name, ", ", long_count(counts.rows()), " rows\n", table_by_label(counts, labels));
  if (labels.size() <= widest_matrix) text += matrix(counts, labels);
  return text + join("accuracy ", fixed(counts.accuracy(), 4), " (95% interval ", fixed(bounds.low, 4),
                     " to ", fixed(bounds.high, 4), "), macro F1 ", fixed(counts.macro_f1(), 4), "\n",
                     "baselines: most frequent label ", fixed(scores.most_frequent.accuracy(), 4),
                     ", logistic regression on word counts ", fixed(scores.word_counts.accuracy(), 4));
}

Json scores_json(const ClassScores& scores, const std::vector<std::string>& labels) {
  const Confusion& counts = scores.model.counts;
  const Bounds bounds = counts.accuracy_interval();
  Json by_label = Json::object(), confusion = Json::array();
  for (size_t k = 0; k < labels.size(); ++k) {
    const ClassScore score = counts.score(k);
    by_label[labels[k]] = {{"precision", score.precision},
                           {"recall", score.recall},
                           {"f1", score.f1},
                           {"rows", score.rows},
                           {"predicted", score.predicted}};
    confusion.push_back(Json::array());
    for (size_t other = 0; other < labels.size(); ++other) confusion.back().push_back(counts.count(k, other));
  }
  return {{"rows", counts.rows()},
          {"loss", scores.model.loss},
          {"accuracy", {{"value", counts.accuracy()}, {"low", bounds.low}, {"high", bounds.high}}},
          {"f1_macro", counts.macro_f1()},
          {"labels", by_label},
          {"confusion", confusion},
          {"baselines",
           {{"most_frequent", short_scores(scores.most_frequent)},
            {"word_counts", short_scores(scores.word_counts)}}}};
}

namespace {

std::string preference_text(const std::string& name, const PreferenceScore& score) {
  const Bounds bounds = wilson_interval(score.hits, score.pairs);
  return join(name, ", ", long_count(score.pairs), " pairs: loss ", fixed(score.loss, 4), ", margin ",
              fixed(score.margin(), 4), " (rewards ", fixed(score.chosen, 4), " chosen, ",
              fixed(score.rejected, 4), " rejected), accuracy ", fixed(score.accuracy(), 4),
              " (95% interval ", fixed(bounds.low, 4), " to ", fixed(bounds.high, 4),
              "), chosen answer likelier in ", fixed(score.likelier(), 4));
}

Json preference_json(const PreferenceScore& score) {
  const Bounds bounds = wilson_interval(score.hits, score.pairs);
  return {{"pairs", score.pairs},
          {"loss", score.loss},
          {"margin", score.margin()},
          {"rewards", {{"chosen", score.chosen}, {"rejected", score.rejected}}},
          {"accuracy", {{"value", score.accuracy()}, {"low", bounds.low}, {"high", bounds.high}}},
          {"likelier", score.likelier()}};
}

}  // namespace

FinalReport preference_report(Model& model, const PairSides& sides, int64_t batch_size,
                              const PreferenceConfig& config) {
  FinalReport report;
  for (const auto& [name, pairs] : {std::pair{"validation", &sides.val}, std::pair{"test", &sides.test}}) {
    if (pairs->empty()) continue;
    const PreferenceScore score = score_preferences(model, *pairs, batch_size, config);
    finite_loss(score.loss, join("the ", name, " pairs"));
    report.text += (report.text.empty() ? "" : "\n") + preference_text(name, score);
    report.json[name] = preference_json(score);
  }
  return report;
}

ClassScorer::ClassScorer(Model& model, const ClassData& data, const EncodedRows& val, const EncodedRows& test)
    : model_(model), data_(data), val_(val), test_(test), baselines_(data.train, data.labels.size()) {}

std::optional<ClassScores> ClassScorer::scores(const std::string& name, const std::vector<ClassRow>& rows,
                                               const EncodedRows& encoded, const Stop& stop) const {
  auto score = score_classifier(model_, encoded.texts, stop);
  if (!score) return std::nullopt;
  return ClassScores{name, std::move(*score), baselines_.most_frequent(rows), baselines_.word_counts(rows)};
}

FinalReport ClassScorer::report(bool val_as_text) const {
  FinalReport report;
  const auto add = [&](const ClassScores& scores, bool as_text) {
    finite_loss(scores.model.loss, join("the ", scores.name, " rows"));
    report.json[scores.name] = scores_json(scores, data_.labels);
    if (as_text) report.text += (report.text.empty() ? "" : "\n") + scores_text(scores, data_.labels);
  };
  if (!data_.val.empty()) add(val(), val_as_text);
  if (!data_.test.empty()) add(test(), true);
  return report;
}

}  // namespace hewn::cli
