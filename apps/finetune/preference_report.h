#pragma once
// The scores of a run on preferences, as text and as JSON.

#include "apps/train/training.h"
#include "train/tasks/preference/reference.h"
#include "train/tasks/preference/scoring.h"

namespace hewn::cli {

/// Scores of the validation and test pairs, if any, as text and as JSON with a member for each side.
FinalReport preference_report(Model& model, const PairSides& sides, int64_t batch_size,
                              const PreferenceConfig& config);

}  // namespace hewn::cli
