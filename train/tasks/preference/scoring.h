#pragma once
// Scores of a model on pairs of answers.

#include <functional>
#include <optional>

#include "model/model.h"
#include "train/config.h"
#include "train/tasks/preference/pairs.h"

namespace hewn {

/// Stores the log probabilities of all answers as those of the reference model. Answers of similar length are
/// computed together, `batch_size` pairs at a time. Returns false, with values missing, if `stop` returned
/// true between batches.
bool note_reference(Model& model, std::vector<PreferencePair>& pairs, int64_t batch_size,
                    const std::function<bool()>& stop);

/// Means over pairs, and the number in the right order. A reward is beta (log P - log P of the reference
/// model).
struct PreferenceScore {
  int64_t pairs = 0;
  double loss = 0;                  ///< `preference_loss`
  double chosen = 0, rejected = 0;  ///< rewards
  int64_t hits = 0;                 ///< pairs whose chosen answer has the higher reward
  int64_t likelier_chosen = 0;      ///< pairs whose chosen answer is the likelier one under the model

  double margin() const { return chosen - rejected; }
  double accuracy() const { return static_cast<double>(hits) / static_cast<double>(pairs); }
  double likelier() const { return static_cast<double>(likelier_chosen) / static_cast<double>(pairs); }
};

/// Scores a model on at least one pair, with the reference of the pairs, in the batches of `note_reference`. Empty if
/// `stop` returned true before the end.
std::optional<PreferenceScore> score_preferences(Model& model, const std::vector<PreferencePair>& pairs,
                                                 int64_t batch_size, const PreferenceConfig& config,
                                                 const std::function<bool()>& stop);
inline PreferenceScore score_preferences(Model& model, const std::vector<PreferencePair>& pairs,
                                         int64_t batch_size, const PreferenceConfig& config) {
  return *score_preferences(model, pairs, batch_size, config, {});
}

}  // namespace hewn
