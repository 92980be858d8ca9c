// hewn bench train, bench sample: time a whole model with random tokens.

#include <algorithm>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>

#include "apps/bench/profile_tables.h"
#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/commands/commands.h"
#include "apps/commands/ranks/bench_ranks.h"
#include "apps/run/open_run.h"
#include "apps/run/ranks/session.h"
#include "apps/run/ranks/start.h"
#include "apps/run/run_config.h"
#include "apps/run/text/prompts.h"
#include "core/error.h"
#include "model/generation/generate.h"
#include "model/generation/sampling.h"
#include "model/json.h"
#include "train/trainer.h"

namespace hewn::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

struct Timing {
  double best = 0, median = 0;  // seconds
};

Timing timing_of(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return {.best = seconds.front(), .median = seconds[seconds.size() / 2]};
}

// The time of each of these calls, in seconds, until the device has finished.
std::vector<double> seconds_of(Executor& device, int64_t calls, const std::function<void()>& call) {
  std::vector<double> seconds;
  for (int64_t i = 0; i < calls; ++i) {
    device.sync();
    const auto start = Clock::now();
    call();
    device.sync();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  return seconds;
}

// Measured before the model exists, so that it does not add to the peak memory of the process.
MachineRoof roof_of(Executor& device, const Settings& settings) {
  return {dtype_from_name(settings.text("dtype")), device};
}

// The fields common to all entries of `bench … --json`.
Json entry(const char* op, const std::string& shape, const Model& model, const Timing& t,
           const StepProfile& kernels) {
  const Executor& device = executor(model.device());
  const auto steps = static_cast<double>(kernels.steps());
  const Cost all = kernels.total().cost, cost{.flops = all.flops / steps, .bytes = all.bytes / steps};
  return {{"op", op},
          {"shape", shape},
          {"dtype", name_of(model.parameters().product_dtype())},
          {"threads", device.threads()},
          {"isa", name_of(device.isa())},
          {"rung", name_of(model.config().attention)},
          {"best_ms", t.best * 1e3},
          {"median_ms", t.median * 1e3},
          {"gflops", cost.flops / t.best * 1e-9},
          {"gbps", cost.bytes / t.best * 1e-9},
          {"roof_percent", 100 * kernels.roof().seconds(cost) / t.best}};
}

std::string shape_text(const ModelConfig& m, int64_t batch_size) {
  return join(batch_size, "x", m.block_size, ", ", m.n_layer, " layers of ", m.n_embd, ", vocabulary ",
              m.vocab_size);
}

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
  const auto device = open_device(settings);
  const TrainConfig config = config_to_time(settings, *device, ranks);
  MachineRoof roof = roof_of(*device, settings);
  const auto model = make_model(config.model, config.training, *device, config.dtype, config.seed);
  Trainer trainer(*model, config, ranks);
  trainer.graphs().use(settings.flag("cuda_graph"));
  const std::vector<Batch> batches = random_batches(config, ranks);
  for (int warm_up = 0; warm_up < 3; ++warm_up) trainer.step(batches);  // a GPU captures the third
  const auto step = [&] {
    const StepResult result = trainer.step(batches);
    if (!result.finite)
      fail(ErrorCode::numerical, "step ", result.step, " was not finite; try a smaller learning_rate");
  };
  const auto stopped = [&] { return ranks && any_asked_to_stop(*ranks); };
  std::optional<RankWatch> watch;
  if (ranks) watch.emplace(*ranks);
  const int64_t steps = settings.integer("repeat");
  std::vector<double> seconds;
  while (std::ssize(seconds) < steps) {
    if (stopped()) return stop_status();
    seconds.push_back(seconds_of(*device, 1, [&] { watch ? watch->watch(step) : step(); }).front());
  }
  const Timing t = timing_of(std::move(seconds));
  roof.measure_again(*device);
  StepProfile kernels(roof, *device);
  for (int64_t i = 0; i < steps; ++i) {
    if (stopped()) return stop_status();
    kernels.watch(step);
  }
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
  if (started_as_rank(settings))
    return as_one_of_ranks(settings, [&](Ranks& ranks) { return time_training(settings, &ranks); });
  const bool compares = settings.has("ranks") && settings.text("ranks") != "1";
  return compares ? bench_train_ranks(settings) : time_training(settings, nullptr);
}

namespace {

// The model of the run or file that is named, or one of random weights.
OpenRun model_to_time(const Settings& settings) {
  if (!settings.arguments.empty()) {
    require(settings.arguments.size() == 1, "two models were given, ", settings.arguments[0], " and ",
            settings.arguments[1], "; give one");
    OpenRun run = open_run(settings, settings.arguments[0]);
    require_language_model(run.model->config(), run.run);
    return run;
  }
  OpenRun made{.run = {},
               .checkpoint = {},
               .device = open_device(settings),
               .tokenizer = nullptr,
               .no_tokenizer = "its weights are random",
               .model = nullptr,
               .config = settings};
  made.model = make_model(model_config(settings, {.vocab_size = settings.integer("vocab_size")}),
                          *made.device, dtype_from_name(settings.text("dtype")), 1, false);
  return made;
}

/// Where the time of a token goes, in seconds.
struct TokenTime {
  double kernels = 0, sampling = 0, rest = 0;
  double decoding = 0;  ///< ids to text, which is not a part of the measured time; 0 without a tokenizer
};

// The median time of a call that takes too little for a clock: of many at once.
double seconds_of_short(Executor& device, const std::function<void()>& call) {
  constexpr int calls = 20;
  const auto many = [&] {
    for (int i = 0; i < calls; ++i) call();
  };
  return timing_of(seconds_of(device, 5, many)).median / calls;
}

TokenTime time_of_token(const OpenRun& run, const StepProfile& kernels, int64_t tokens) {
  const auto n = static_cast<double>(tokens);
  const std::vector<double> logits(static_cast<size_t>(run.model->config().vocab_size), 1);
  TokenTime time{.kernels = kernels.total().seconds / n};
  time.sampling = seconds_of_short(*run.device, [&] { draw(sampling_distribution(logits, {}), 0.5); });
  time.rest = std::max(0.0, kernels.step_seconds() / n - time.kernels - time.sampling);
  const int32_t id = 0;
  if (run.tokenizer)
    time.decoding = seconds_of_short(*run.device, [&] { (void)run.tokenizer->decode_more({&id, 1}); });
  return time;
}

}  // namespace

int run_bench_sample(const Settings& settings) {
  const OpenRun timed = model_to_time(settings);
  Executor& device = *timed.device;
  Model& model = *timed.model;
  MachineRoof roof = roof_of(device, settings);
  const int64_t tokens = settings.integer("max_new_tokens");
  const GenerateOptions options{.max_new_tokens = tokens,
                                .seed = static_cast<uint64_t>(settings.integer("seed")),
                                .context = {.kv = kv_of(settings)},
                                .cuda_graph = settings.flag("cuda_graph")};
  const auto write = [&] { generate(model, {0}, options, [](int32_t) { return true; }); };
  write();  // warm-up
  const Timing t = timing_of(seconds_of(device, settings.integer("repeat"), write));
  roof.measure_again(device);
  StepProfile kernels(roof, device);
  kernels.watch(write);
  detail(profile_tables(kernels));
  const TokenTime token = time_of_token(timed, kernels, tokens);
  const auto ms = [](double seconds) { return fixed(seconds * 1e3, 4); };
  detail("of a token: ", ms(token.kernels), " ms in kernels, ", ms(token.sampling), " ms drawing, ",
         ms(token.rest), " ms between them",
         timed.tokenizer ? "; " + ms(token.decoding) + " ms to make it text" : "");
  Json result = entry("sample", shape_text(model.config(), 1), model, t, kernels);
  result["tokens_per_s"] = static_cast<double>(tokens) / t.median;
  result["ms_per_token"] = t.median * 1e3 / static_cast<double>(tokens);
  result["ms_of_a_token"] = {{"kernels", token.kernels * 1e3},
                             {"drawing", token.sampling * 1e3},
                             {"between", token.rest * 1e3},
                             {"tokenizer", token.decoding * 1e3}};
  if (settings.flag("json"))
    print(json_text(Json::array({result}), 2), "\n");
  else
    print(short_count(static_cast<double>(tokens) / t.median), " tokens/s, ",
          fixed(t.median * 1e3 / static_cast<double>(tokens), 4), " ms per token (", tokens,
          " tokens, median of ", settings.integer("repeat"), ")\n");
  return 0;
}

}  // namespace hewn::cli
