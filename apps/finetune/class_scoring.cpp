#include "apps/finetune/class_scoring.h"

namespace hewn::cli {

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
