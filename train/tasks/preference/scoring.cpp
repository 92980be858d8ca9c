#include "train/tasks/preference/scoring.h"

#include <cmath>

#include "core/error.h"
#include "core/tape.h"
#include "train/data/batch_tensors.h"
#include "train/tasks/preference/reference.h"

namespace hewn {
namespace {

/// Calls use(number of a pair, log P of the chosen answer, of the rejected one), batch by batch, while `go_on` returns
/// true. Returns whether all pairs were used.
template <class Use, class GoOn>
bool each_scored_pair(Model& model, const std::vector<PreferencePair>& pairs, int64_t batch_size,
                      const GoOn& go_on, const Use& use) {
  const NoGrad none;
  const Scope scope("eval");
  const PairBatches batches(pairs, batch_size, 0, RowOrder::Kind::by_length);
  Batch batch;
  for (int64_t i = 0; i < batches.batch_count(); ++i) {
    if (!go_on()) return false;
    batches.fill(i, batch);
    check_batch(model, batch);
    const std::vector<double> logs =
        row_log_probabilities(model, batch_tensor(model.device(), batch, batch.tokens),
                              batch_tensor(model.device(), batch, batch.targets))
            .doubles();
    size_t at = 0;
    for (const int64_t number : batches.pairs_of(i)) {
      use(static_cast<size_t>(number), logs[at], logs[at + 1]);
      at += 2;
    }
  }
  return true;
}

/// -log sigmoid(m) without overflow.
double log_loss(double m) { return std::log1p(std::exp(-std::abs(m))) + (m < 0 ? -m : 0); }

}  // namespace

bool note_reference(Model& model, std::vector<PreferencePair>& pairs, int64_t batch_size,
                    const std::function<bool()>& stop) {
  if (pairs.empty()) return true;
  return each_scored_pair(
      model, pairs, batch_size, [&] { return !stop(); },
      [&](size_t number, double chosen, double rejected) {
        pairs[number].reference = {chosen, rejected};
      });
}

std::optional<PreferenceScore> score_preferences(Model& model, const std::vector<PreferencePair>& pairs,
                                                 int64_t batch_size, const PreferenceConfig& config,
                                                 const std::function<bool()>& stop) {
  require(!pairs.empty(), "there are no pairs to score");
  PreferenceScore score{.pairs = std::ssize(pairs)};
  const auto n = static_cast<double>(score.pairs);
  const bool complete = each_scored_pair(
      model, pairs, batch_size, [&] { return !stop || !stop(); },
      [&](size_t number, double chosen, double rejected) {
        const auto& reference = pairs[number].reference;
        score.likelier_chosen += chosen > rejected;
        chosen = config.beta * (chosen - reference[0]);
        rejected = config.beta * (rejected - reference[1]);
        const double margin = chosen - rejected;
        score.loss += (log_loss(margin) + config.label_smoothing * margin) / n;
        score.chosen += chosen / n;
        score.rejected += rejected / n;
        score.hits += margin > 0;
      });
  return complete ? std::optional(score) : std::nullopt;
}

}  // namespace hewn
