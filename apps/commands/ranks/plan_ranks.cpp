#include "apps/commands/ranks/plan_ranks.h"

#include <algorithm>
#include <cmath>

#include "apps/cli/format.h"
#include "core/text.h"

namespace hewn::cli {
namespace {

constexpr double bytes_per_gbit = 1e9 / 8;

// Of the time of a micro-step: as many products as the forward pass has for the gradients of the inputs, and as many for
// those of the parameters.
constexpr double backward_part = 2.0 / 3;

// Of the time of a step, what may remain to be waited for.
constexpr double little = 0.1;

}  // namespace

PlannedExchange plan_exchange(const Settings& settings, const TrainConfig& config, const PlanTarget& target,
                              const Plan& plan, double step_seconds) {
  TrainConfig other = config;
  other.optimizer.shard = !config.optimizer.shard;
  PlannedExchange exchange{.bytes_sent = plan.bytes_sent,
                           .shards = config.optimizer.shard,
                           .peak_if_not = make_plan(other, target).memory.peak,
                           .network = settings.real("network") * bytes_per_gbit};
  if (exchange.network == 0) return exchange;
  exchange.seconds = static_cast<double>(plan.bytes_sent) / exchange.network;
  const double mine = static_cast<double>(config.gradient_accumulation_steps / target.ranks);
  const double micro_step = step_seconds / mine;
  // Gradients leave during the last backward pass; the values, as many bytes, when all of them have been updated.
  exchange.seconds_hidden = std::min(exchange.seconds / 2, backward_part * micro_step);
  const double rest = exchange.seconds - exchange.seconds_hidden;
  const double least = std::ceil(rest * (1 - little) / (little * micro_step));
  exchange.micro_steps = target.ranks * std::max<int64_t>(1, static_cast<int64_t>(least));
  return exchange;
}

std::string lines_of(const PlannedExchange& e, const PlanTarget& target) {
  std::string text =
      join("ranks       ", target.ranks, ", each sends ", bytes_text(static_cast<double>(e.bytes_sent)),
           " per step; with shard_optimizer = ", e.shards ? "false " : "true ",
           bytes_text(static_cast<double>(e.peak_if_not)), " at peak\n");
  if (e.network == 0) return text;
  return text + join("network     at ", number_text(e.network / bytes_per_gbit), " Gbit/s ",
                     fixed(e.seconds * 1e3, 1), " ms per step, of which ", fixed(e.seconds_hidden * 1e3, 1),
                     " beside the last backward pass\n            the rest is a tenth of a step with "
                     "gradient_accumulation_steps = ",
                     e.micro_steps, "\n");
}

nlohmann::ordered_json json_of(const PlannedExchange& e, const PlanTarget& target) {
  nlohmann::ordered_json out{{"count", target.ranks},
                             {"bytes_sent_per_step", e.bytes_sent},
                             {"shard_optimizer", e.shards},
                             {"peak_bytes_otherwise", e.peak_if_not}};
  if (e.network > 0) {
    out["network_bytes_per_second"] = e.network;
    out["network_ms_per_step"] = e.seconds * 1e3;
    out["network_ms_hidden"] = e.seconds_hidden * 1e3;
    out["hidden_from_micro_steps"] = e.micro_steps;
  }
  return out;
}

}  // namespace hewn::cli
