#pragma once
// The scores of a classifier and of simple baselines, as text and as JSON.

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/train/training.h"
#include "model/json.h"
#include "train/scores/classes/word_counts.h"
#include "train/tasks/class_rows.h"
#include "train/tasks/preference/reference.h"
#include "train/tasks/preference/scoring.h"

namespace hewn::cli {

/// The baselines for a classifier: always choosing the most frequent label of the training rows, and a
/// logistic regression on word counts. Both learn from the training rows only.
class ClassBaselines {
 public:
  ClassBaselines(const std::vector<ClassRow>& train, size_t n_labels);
  /// Scores of these rows.
  Confusion most_frequent(const std::vector<ClassRow>& rows) const;
  Confusion word_counts(const std::vector<ClassRow>& rows) const;

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

// The scores of a run on preferences, as text and as JSON.

/// Scores of the validation and test pairs, if any, as text and as JSON with a member for each side.
FinalReport preference_report(Model& model, const PairSides& sides, int64_t batch_size,
                              const PreferenceConfig& config);

// Scores of a classifier on the validation and test rows of its data, together with the baselines'.

class ClassScorer {
 public:
  /// The rows `data.val` and `data.test` as tokens; all must outlive the scorer. Trains the baselines on `data.train`.
  ClassScorer(Model& model, const ClassData& data, const EncodedRows& val, const EncodedRows& test);

  /// Scores of the validation or test rows, at least one. Empty if `stop` returned true before the end.
  std::optional<ClassScores> val(const Stop& stop) const {
    return scores("validation", data_.val, val_, stop);
  }
  ClassScores val() const { return *val({}); }
  ClassScores test() const { return *scores("test", data_.test, test_, {}); }

  /// The scores as JSON, with a member for each side that has rows, and as text, including the validation
  /// rows only if `val_as_text`.
  FinalReport report(bool val_as_text) const;

 private:
  std::optional<ClassScores> scores(const std::string& name, const std::vector<ClassRow>& rows,
                                    const EncodedRows& encoded, const Stop& stop) const;

  Model& model_;
  const ClassData& data_;
  const EncodedRows &val_, &test_;
  ClassBaselines baselines_;
};

}  // namespace hewn::cli
