#pragma once
// hewn plan --ranks: the cost of communication for one of several processes.

#include <nlohmann/json.hpp>

#include "apps/cli/settings.h"
#include "kernels/gpu/runtime/known.h"
#include "model/json.h"
#include "train/plan.h"

namespace hewn::cli {

/// The network link of a rank.
struct Link {
  double bytes_per_s = 0;  ///< bytes per second that a rank can send; 0: not planned
  std::string name;        ///< "nvlink"; "": a bandwidth was given
};

/// The link given by the key `network`: a number in Gbit/s, or nvlink between GPUs like `gpu` (null: the
/// ranks have no GPU). Throws usage for any other word, for a number out of range, and for GPUs without
/// NVLink.
Link planned_link(const Settings& settings, const KnownGpu* gpu);

/// The exchange of gradients and parameters by one of several ranks.
struct PlannedExchange {
  int64_t bytes_sent = 0;     ///< in a step
  bool shards = true;         ///< whether each rank has the moments of its slices only
  size_t peak_if_not = 0;     ///< peak memory with the opposite setting, in bytes
  Link link;                  ///< that the exchange takes
  double seconds = 0;         ///< lower bound on the sending time per step
  double seconds_hidden = 0;  ///< part of these that overlaps the last backward pass and perhaps the next
                              ///< forward pass
  bool hides_values = false;  ///< whether values arrive during the next forward pass
  int64_t micro_steps = 0;  ///< tokens of all ranks per step above which the exposed rest is less than a
                            ///< tenth of the step
};

/// Plans the exchange for the ranks of `target` over `link`. A step of `plan` takes at least `step_seconds`
/// without the exchange.
PlannedExchange plan_exchange(const Link& link, const TrainConfig& config, const PlanTarget& target,
                              const Plan& plan, double step_seconds);

/// The lines of `hewn plan` on the exchange.
std::string lines_of(const PlannedExchange& exchange, const PlanTarget& target);
/// The same as JSON.
Json json_of(const PlannedExchange& exchange, const PlanTarget& target);

}  // namespace hewn::cli
