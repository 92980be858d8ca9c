#include "apps/finetune/preference_report.h"

#include "apps/cli/format.h"
#include "core/text.h"
#include "model/json.h"
#include "train/scores/classes/proportion.h"

namespace hewn::cli {
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

}  // namespace hewn::cli
