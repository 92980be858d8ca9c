#pragma once
// Scores of a classifier on the validation and test rows of its data, together with the baselines'.

#include <optional>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/finetune/class_report.h"
#include "apps/train/training.h"

namespace hewn::cli {

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
