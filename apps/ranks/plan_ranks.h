#pragma once
// hewn plan --ranks: what it costs one of several processes to train with the others.

#include <nlohmann/json.hpp>

#include "apps/cli/settings.h"
#include "kernels/gpu/runtime/known.h"
#include "model/json.h"
#include "train/plan.h"

namespace hewn::cli {

/// What each rank sends through.
struct Link {
  double bytes_per_s = 0;  ///< that a rank sends; 0: not planned
  std::string name;        ///< "nvlink"; "": a bandwidth was given
};

/// The link that the key `network` gives in Gbit/s, or by name: nvlink between GPUs like `gpu` (null: the ranks have
/// none). Throws usage for any other word, for a number out of range, and for GPUs that no NVLink joins.
Link planned_link(const Settings& settings, const KnownGpu* gpu);

/// The exchange of gradients and parameters by one of several ranks.
struct PlannedExchange {
  int64_t bytes_sent = 0;     ///< in a step
  bool shards = true;         ///< whether each rank has the moments of its slices only
  size_t peak_if_not = 0;     ///< bytes of memory at peak, if it were the other way
  Link link;                  ///< that it takes
  double seconds = 0;         ///< the least that sending takes in a step
  double seconds_hidden = 0;  ///< of these, beside the last backward pass and perhaps the next forward pass
  bool hides_values = false;  ///< whether values arrive beside the next forward pass
  int64_t micro_steps = 0;  ///< of all ranks in a step, from which the rest is less than a tenth of the step
};

/// Plans it for the ranks of `target`, which send through `link`. A step of `plan` takes at least `step_seconds` without
/// the exchange.
PlannedExchange plan_exchange(const Link& link, const TrainConfig& config, const PlanTarget& target,
                              const Plan& plan, double step_seconds);

/// The lines of `hewn plan` on it.
std::string lines_of(const PlannedExchange& exchange, const PlanTarget& target);
/// The same as JSON.
Json json_of(const PlannedExchange& exchange, const PlanTarget& target);

}  // namespace hewn::cli
