#include "apps/ranks/plan_ranks.h"

#include <algorithm>
#include <cmath>

#include "apps/cli/format.h"
#include "apps/cli/suggest.h"
#include "core/error.h"
#include "core/text.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

constexpr double bytes_per_gbit = 1e9 / 8;
constexpr double most_gbit_per_s = 1e6;
constexpr const char* nvlink = "nvlink";

// Of the time of a micro-step: as many products as the forward pass has for the gradients of the inputs, and as many for
// those of the parameters.
constexpr double backward_part = 2.0 / 3, forward_part = 1 - backward_part;

// Of the time of a step, what may remain to be waited for.
constexpr double little = 0.1;

Link nvlink_between(const std::string& where, const KnownGpu* gpu) {
  require(gpu, where,
          ": nvlink connects GPUs; plan for a GPU with --device=cuda, or give the network's Gbit/s");
  require(gpu->nvlink_bytes_per_s > 0, where, ": NVLink connects at most two GPUs of type ", gpu->name,
          "; give the Gbit/s of another link, such as 250 for PCI Express 4.0 with 16 lanes");
  return {.bytes_per_s = gpu->nvlink_bytes_per_s, .name = nvlink};
}

}  // namespace

Link planned_link(const Settings& settings, const KnownGpu* gpu) {
  if (!settings.given("network")) return {};
  const std::string text = settings.text("network"), where = settings.where("network");
  if (text == nvlink) return nvlink_between(where, gpu);
  double gbit = 0;
  require(parse_real(text, gbit), where, ": network = '", text,
          "' is neither a number nor a known link; give Gbit/s, such as 100, or nvlink",
          did_you_mean(text, {nvlink}));
  require(gbit >= 0 && gbit <= most_gbit_per_s, where, ": network = ", text, " is out of range; give 0 to ",
          static_cast<int64_t>(most_gbit_per_s), " Gbit/s, or nvlink");
  return {.bytes_per_s = gbit * bytes_per_gbit, .name = ""};
}

PlannedExchange plan_exchange(const Link& link, const TrainConfig& config, const PlanTarget& target,
                              const Plan& plan, double step_seconds) {
  TrainConfig other = config;
  other.optimizer.shard = !config.optimizer.shard;
  PlannedExchange exchange{.bytes_sent = plan.bytes_sent,
                           .shards = config.optimizer.shard,
                           .peak_if_not = make_plan(other, target).memory.peak,
                           .link = link};
  if (link.bytes_per_s == 0) return exchange;
  exchange.seconds = static_cast<double>(plan.bytes_sent) / link.bytes_per_s;
  const double mine = static_cast<double>(config.gradient_accumulation_steps / target.ranks);
  const double micro_step = step_seconds / mine;
  // Gradients leave during the last backward pass; values in memory of the host during the next forward pass.
  const auto hide = [&](int64_t bytes, double part) {
    exchange.seconds_hidden += std::min(static_cast<double>(bytes) / link.bytes_per_s, part * micro_step);
  };
  hide(plan.gradient_bytes_sent, backward_part);
  exchange.hides_values =
      config.optimizer.shard && !config.optimizer.stochastic_rounding && target.memory_bytes == 0;
  if (exchange.hides_values) hide(plan.bytes_sent - plan.gradient_bytes_sent, forward_part);
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
  if (e.link.bytes_per_s == 0) return text;
  const std::string named = e.link.name.empty()
                                ? ""
                                : join("(", e.link.name, " between the GPUs of one host, ",
                                       scaled(e.link.bytes_per_s, "B/s"), " in each direction) ");
  return text + join("network     at ", number_text(e.link.bytes_per_s / bytes_per_gbit), " Gbit/s ", named,
                     fixed(e.seconds * 1e3, 1), " ms per step, of which ", fixed(e.seconds_hidden * 1e3, 1),
                     " beside the last backward pass", e.hides_values ? " and the next forward pass" : "",
                     "\n            the rest is a tenth of a step with gradient_accumulation_steps = ",
                     e.micro_steps, "\n");
}

Json json_of(const PlannedExchange& e, const PlanTarget& target) {
  Json out{{"count", target.ranks},
           {"bytes_sent_per_step", e.bytes_sent},
           {"shard_optimizer", e.shards},
           {"peak_bytes_otherwise", e.peak_if_not}};
  if (e.link.bytes_per_s > 0) {
    if (!e.link.name.empty()) out["network_link"] = e.link.name;
    out["network_bytes_per_second"] = e.link.bytes_per_s;
    out["network_ms_per_step"] = e.seconds * 1e3;
    out["network_ms_hidden"] = e.seconds_hidden * 1e3;
    out["hidden_from_micro_steps"] = e.micro_steps;
  }
  return out;
}

}  // namespace hewn::cli
