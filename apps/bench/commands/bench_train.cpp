// hewn bench train: times the training steps of a model on random tokens.

#include "apps/bench/commands/model_times.h"
#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/ranks/bench_ranks.h"
#include "apps/run/ranks/cores.h"
#include "apps/run/ranks/session.h"
#include "apps/run/ranks/start.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "model/json.h"
#include "train/step/trainer.h"

namespace hewn::cli {
namespace {

void require_no_arguments(const Settings& settings) {
  require(settings.arguments.empty(), "'", settings.arguments.empty() ? "" : settings.arguments[0],
          "' is neither a CONFIG.toml nor a key");
}

// The configuration to time; of a rank, which is one of several, after these have compared theirs.
TrainConfig config_to_time(Settings settings, Executor& device, Ranks* ranks) {
  if (ranks) divide_micro_steps(settings, ranks->size());
  const TrainConfig config = train_config(settings, model_config(settings, data_sizes(settings)));
  if (ranks) {
    require_agreement(*ranks, config, device, 0);
    say_ranks(*ranks, device);
    ranks->set_bucket_bytes(config.bucket_mb << 20);
    use_nccl(*ranks, device);
  }
  check_memory(config, device);
  return config;
}

// The batches of this process's micro-steps.
std::vector<Batch> random_batches(const TrainConfig& config, const Ranks* ranks) {
  const int64_t n = config.gradient_accumulation_steps / (ranks ? ranks->size() : 1);
  const int64_t first = ranks ? ranks->rank() * n : 0;
  std::vector<Batch> batches;
  for (int64_t m = first; m < first + n; ++m)
    batches.push_back(random_batch(config.batch_size, config.model, config.seed + static_cast<uint64_t>(m)));
  return batches;
}

int time_training(const Settings& settings, Ranks* ranks) {
  const auto device = open_device(settings, ranks);
  const TrainConfig config = config_to_time(settings, *device, ranks);
  MachineRoof roof = roof_of(*device, settings);
  const auto model = make_model(config.model, config.training, *device, config.dtype, config.seed);
  Trainer trainer(*model, config, ranks);
  trainer.graphs().use(settings.flag("cuda_graph"));
  const std::vector<Batch> batches = random_batches(config, ranks);
  const auto step = [&] {
    const StepResult result = trainer.step(batches);
    if (!result.finite)
      fail(ErrorCode::numerical, "step ", result.step, " was not finite; try a smaller learning_rate");
  };
  const auto stopped = [&] { return ranks && any_asked_to_stop(*ranks); };
  std::optional<RankWatch> watch;
  if (ranks) watch.emplace(*ranks);
  const int64_t steps = settings.integer("repeat");
  std::optional<Timing> timing;
  std::optional<StepProfile> profile;
  long_region(*device, [&] {
    std::vector<double> seconds;
    for (int warm_up = 0; warm_up < 3; ++warm_up) trainer.step(batches);  // a GPU captures the third
    while (std::ssize(seconds) < steps && !stopped())
      seconds.push_back(seconds_of(*device, 1, [&] { watch ? watch->watch(step) : step(); }).front());
    if (std::ssize(seconds) < steps) return;
    timing = timing_of(std::move(seconds));
    roof.measure_again(*device);
    profile.emplace(roof, *device);
    for (int64_t i = 0; i < steps && !stopped(); ++i) profile->watch(step);
  });
  if (!profile || stopped()) return stop_status();
  const Timing& t = *timing;
  const StepProfile& kernels = *profile;
  detail(profile_tables(kernels));

  const int64_t tokens = config.batch_size * config.gradient_accumulation_steps * config.model.block_size;
  Json result = entry("train", shape_text(config.model, config.batch_size), *model, t, kernels);
  result["ms_per_step"] = t.median * 1e3;
  result["tokens_per_s"] = static_cast<double>(tokens) / t.median;
  result["peak_bytes"] = device->pool().stats().peak;
  result["outside_kernels_percent"] = outside_kernels_percent(kernels);
  const double peak = peak_tokens_per_s(*model, config.dtype);
  if (peak > 0) result["mfu_percent"] = 100 * static_cast<double>(tokens) / t.median / peak;
  result["ranks"] = ranks ? ranks->size() : 1;
  if (watch) {
    watch->watch_exchange(model->parameters(), config);
    watch->report(result);
  }
  if (settings.flag("json")) {
    print(json_text(Json::array({result}), 2), "\n");
    return 0;
  }
  print(fixed(t.median * 1e3, 2), " ms per step (best ", fixed(t.best * 1e3, 2), "), ",
        short_count(static_cast<double>(tokens) / t.median), " tokens/s, ",
        bytes_text(result["peak_bytes"].get<double>()), " at peak, ",
        fixed(result["gflops"].get<double>(), 1), " GFLOP/s, ",
        fixed(result["roof_percent"].get<double>(), 1), "% of the roofline, ",
        fixed(outside_kernels_percent(kernels), 1), "% outside kernels",
        peak > 0 ? join(", MFU ", fixed(result["mfu_percent"].get<double>(), 1), "%") : "", "\n");
  if (watch) print(rank_report(result), "\n");
  return 0;
}

}  // namespace

int run_bench_train(const Settings& settings) {
  require_no_arguments(settings);
  if (started_as_rank())
    return as_one_of_ranks(settings, [&](Ranks& ranks) { return time_training(settings, &ranks); });
  const bool compares = settings.has("ranks") && settings.text("ranks") != "1";
  return compares ? bench_train_ranks(settings) : time_training(settings, nullptr);
}

}  // namespace hewn::cli
