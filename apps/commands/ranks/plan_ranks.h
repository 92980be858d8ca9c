#pragma once
// hewn plan --ranks: what it costs one of several processes to train with the others.

#include <nlohmann/json.hpp>

#include "apps/cli/settings.h"
#include "train/plan.h"

namespace hewn::cli {

/// The exchange of gradients and parameters by one of several ranks.
struct PlannedExchange {
  int64_t bytes_sent = 0;     ///< in a step
  bool shards = true;         ///< whether each rank has the moments of its slices only
  size_t peak_if_not = 0;     ///< bytes of memory at peak, if it were the other way
  double network = 0;         ///< bytes per second; 0: not planned
  double seconds = 0;         ///< the least that sending takes in a step
  double seconds_hidden = 0;  ///< of these, beside the last backward pass
  int64_t micro_steps = 0;  ///< of all ranks in a step, from which the rest is less than a tenth of the step
};

/// Plans it for `settings`, whose ranks are those of `target`. A step of `plan` takes at least `step_seconds` without the
/// exchange.
PlannedExchange plan_exchange(const Settings& settings, const TrainConfig& config, const PlanTarget& target,
                              const Plan& plan, double step_seconds);

/// The lines of `hewn plan` on it.
std::string lines_of(const PlannedExchange& exchange, const PlanTarget& target);
/// The same as JSON.
nlohmann::ordered_json json_of(const PlannedExchange& exchange, const PlanTarget& target);

}  // namespace hewn::cli
