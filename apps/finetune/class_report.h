#pragma once
// The scores of a classifier and of simple baselines, as text and as JSON.

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/json.h"
#include "train/scores/classes/word_counts.h"
#include "train/tasks/class_rows.h"

namespace hewn::cli {

/// The baselines for a classifier: always choosing the most frequent label of the training rows, and a
/// logistic regression on word counts. Both learn from the training rows only.
class ClassBaselines {
 public:
  ClassBaselines(const std::vector<ClassRow>& train, size_t n_labels);
  /// Scores of these rows.
  Confusion most_frequent(const std::vector<ClassRow>& rows) const;
  Confusion word_counts(const std::vector<ClassRow>& rows) const;
  int32_t most_frequent_label() const { return most_frequent_; }

 private:
  size_t n_labels_;
  int32_t most_frequent_ = 0;
  WordCounts words_;
};

/// The scores of one set of rows.
struct ClassScores {
  std::string name;  ///< "validation", "test"
  ClassifierScore model;
  Confusion most_frequent, word_counts;
};

/// Several lines: a table by label, the confusion matrix unless it is wide, accuracies.
std::string scores_text(const ClassScores& scores, const std::vector<std::string>& labels);
/// {"rows", "loss", "accuracy": {"value", "low", "high"}, "f1_macro", "labels": {NAME: {"precision", "recall",
/// "f1", "rows", "predicted"}}, "confusion": [[...]], "baselines": {...}}
Json scores_json(const ClassScores& scores, const std::vector<std::string>& labels);

}  // namespace hewn::cli
