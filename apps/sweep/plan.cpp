#include "apps/sweep/plan.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/run/run_config.h"
#include "apps/run/train_setup.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "core/io/checksum.h"
#include "core/io/limits.h"
#include "model/json.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/counting.h"
#include "train/eval.h"
#include "train/plan.h"
#include "train/step/trainer.h"

namespace hewn::cli {
namespace {

// What runs of one shape have in common.
struct SweepShape {
  int64_t parameters = 0;
  double flops_per_token = 0;
  size_t peak_bytes = 0;
  double step_seconds = 0, batch_seconds = 0;  // of a training step, of a validation batch
};

// Keys that do not change the size of a model or the work of a step.
constexpr std::string_view not_of_shape[] = {"max_iters",      "learning_rate", "schedule",  "decay_lr",
                                             "lr_decay_iters", "warmup_iters",  "min_lr",    "weight_decay",
                                             "beta1",          "beta2",         "grad_clip", "seed"};

// The values of all keys that determine the shape of a run, as text.
std::string shape_key(const TrainConfig& config, const Settings& settings) {
  std::string text = join(settings.text("device"), " ", config.model.vocab_size);
  const auto add = [&](const auto& keys, const auto& from) {
    for (const auto& key : keys)
      if (std::find(std::begin(not_of_shape), std::end(not_of_shape), key.name) == std::end(not_of_shape))
        text += join(" ", key.name, "=", text_of(key.get(from)));
  };
  add(model_keys, config.model);
  add(training_keys, config);
  return text;
}

double seconds_of_call(Executor& device, const std::function<void()>& call) {
  device.sync();
  const auto start = Clock::now();
  call();
  device.sync();
  return seconds_since(start);
}

// Times a few steps and a validation batch of a new model on the run's own data.
void time_shape(const TrainSetup& setup, Executor& device, SweepShape& shape) {
  const TrainConfig& config = setup.config;
  const auto model = make_model(config.model, config.training, device, config.dtype, config.seed);
  const auto validate = [&] { estimate_loss(*model, setup.loader, 1); };
  if (count_training_data(*model, *setup.data) > 0) {  // a model of counts, without steps
    shape.batch_seconds = seconds_of_call(device, validate);
    return;
  }
  Trainer trainer(*model, config);
  std::vector<Batch> batches(static_cast<size_t>(config.gradient_accumulation_steps));
  for (size_t m = 0; m < batches.size(); ++m) setup.loader.fill(static_cast<int64_t>(m), batches[m]);
  const auto step = [&] { trainer.step(batches); };
  for (int warm_up = 0; warm_up < (device.gpu() ? 3 : 1); ++warm_up) step();
  std::vector<double> seconds;
  double total = 0;
  while (seconds.empty() || (seconds.size() < 5 && total < 1)) {
    seconds.push_back(seconds_of_call(device, step));
    total += seconds.back();
  }
  std::sort(seconds.begin(), seconds.end());
  shape.step_seconds = seconds[seconds.size() / 2];
  shape.batch_seconds = seconds_of_call(device, validate);
}

SweepShape shape_of(const TrainSetup& setup, Settings settings, int threads) {
  if (setup.config.model.arch == "ngram") return {};  // counts its data once, without steps
  settings.set({"threads", std::to_string(threads), "at_once"});
  const auto device = open_device(settings);
  check_memory(setup.config, *device);
  const Plan plan = make_plan(setup.config, target_of(*device));
  SweepShape shape{.parameters = plan.total_parameters,
                   .flops_per_token = plan.flops_per_token,
                   .peak_bytes = plan.memory.peak_reserved};
  time_shape(setup, *device, shape);
  return shape;
}

// Opens each dataset once.
DatasetOpener caching_opener() {
  return [opened = std::map<std::string, std::shared_ptr<const Dataset>>()](
             const DataOptions& options, std::shared_ptr<const Tokenizer> tokenizer) mutable {
    const Json key = {options.dataset,
                      options.val,
                      real_text(options.val_fraction),
                      options.vocab_size,
                      options.tokenizer,
                      options.unknown,
                      options.specials,
                      tokenizer ? tokenizer->hash() : ""};
    auto& data = opened[exact_json_text(key)];
    if (!data) data = open_new_dataset(options, std::move(tokenizer));
    return data;
  };
}

// Keys that determine a run's data.
bool is_data_key(std::string_view key) {
  constexpr std::string_view all[] = {"dataset",    "val",     "val_fraction", "tokenizer",
                                      "vocab_size", "special", "init_from"};
  return std::find(std::begin(all), std::end(all), key) != std::end(all);
}

// Refuses to extend a sweep with other data.
void check_same_data(const SweepRun& run, const SweepDefinition& sweep,
                     const std::vector<SweepResult>& results, const std::string& hash) {
  for (const SweepResult& r : results) {
    bool same_keys = r.grid.size() == sweep.grid.size();
    for (size_t k = 0; same_keys && k < sweep.grid.size(); ++k)
      same_keys = !is_data_key(sweep.grid[k].key) || r.grid[k].second == run.values[k];
    if (same_keys && r.data_hash != hash)
      fail(ErrorCode::input, "the data differs from that of the finished run ", r.name, ": its hash is ",
           hash, "; expected ", r.data_hash, "; restore it, or choose another --out_dir");
  }
}

int64_t steps_done(const SweepRun& run) {
  const auto saved = list_checkpoints(run.directory);
  return saved.empty() ? 0 : saved.back().step;
}

// The seconds that a run still takes: its steps, and its validations.
double seconds_left(const SweepRun& run, const TrainConfig& config, bool validates, const SweepShape& shape) {
  const auto steps = static_cast<double>(run.steps - run.steps_done);
  const double validations =
      validates ? steps / static_cast<double>(config.eval_interval) * static_cast<double>(config.eval_iters)
                : 0;
  const double seconds = steps * shape.step_seconds + validations * shape.batch_seconds;
  return config.max_time > 0 ? std::min(seconds, config.max_time) : seconds;
}

// When the last run ends if each starts as soon as one of `at_once` places is free.
double end_of(const std::vector<SweepRun>& runs, int64_t at_once) {
  std::vector<double> free_at(static_cast<size_t>(at_once), 0.0);
  for (const SweepRun& run : runs) {
    if (run.finished) continue;
    *std::min_element(free_at.begin(), free_at.end()) += run.seconds_left;
  }
  return *std::max_element(free_at.begin(), free_at.end());
}

// The memory of the `at_once` largest runs together. Throws if there is less.
size_t memory_of(std::vector<size_t> peaks, int64_t at_once) {
  std::sort(peaks.rbegin(), peaks.rend());
  const size_t available = available_memory();
  size_t together = 0;
  for (size_t i = 0; i < peaks.size() && i < static_cast<size_t>(at_once); ++i) {
    together += peaks[i];
    if (available > 0 && together > available)
      fail(ErrorCode::memory, "at_once = ", at_once, ": the largest ", i + 1, " runs need ",
           bytes_text(static_cast<double>(together)), ", but ", bytes_text(static_cast<double>(available)),
           " are free; give at_once up to ", i);
  }
  return together;
}

std::string grid_text(const SweepDefinition& sweep) {
  std::string text;
  for (const GridKey& g : sweep.grid)
    text += join(text.empty() ? "" : " x ", g.key, " (", list_text(g.values, ", "), ")");
  if (sweep.seeds > 1) text += join(text.empty() ? "" : " x ", sweep.seeds, " seeds");
  return text;
}

}  // namespace

int64_t SweepPlan::finished() const {
  return std::count_if(runs.begin(), runs.end(), [](const SweepRun& run) { return run.finished; });
}

SweepPlan plan_sweep(std::vector<SweepRun> runs, const SweepDefinition& sweep,
                     const std::vector<SweepResult>& results, const Settings& settings) {
  SweepPlan plan{.runs = std::move(runs), .at_once = settings.integer("at_once")};
  const auto threads = static_cast<int>(settings.integer("threads"));
  plan.threads = std::max(1, (threads > 0 ? threads : default_threads()) / static_cast<int>(plan.at_once));
  const DatasetOpener open = caching_opener();
  std::map<std::string, SweepShape> shapes;
  std::vector<size_t> peaks;
  for (SweepRun& run : plan.runs) {
    if (run.finished) continue;
    const Doing checking("checking the run ", run.name);
    Settings keys = run.settings();
    const TrainSetup setup = set_up_training(keys, open);
    check_same_data(run, sweep, results, to_hex(setup.data->hash));
    const std::string key = shape_key(setup.config, keys);
    if (!shapes.contains(key)) shapes[key] = shape_of(setup, keys, plan.threads);
    const SweepShape& shape = shapes[key];
    peaks.push_back(keys.text("device") == "cpu" ? shape.peak_bytes : 0);
    run.parameters = shape.parameters;
    run.flops_per_token = shape.flops_per_token;
    run.steps = setup.config.max_iters;
    run.steps_done = std::min(steps_done(run), run.steps);
    run.seconds_per_step = shape.step_seconds;
    run.seconds_left = seconds_left(run, setup.config, !setup.data->val.empty(), shape);
  }
  plan.peak_bytes = memory_of(std::move(peaks), plan.at_once);
  plan.seconds = end_of(plan.runs, plan.at_once);
  return plan;
}

std::string plan_text(const SweepPlan& plan, const SweepDefinition& sweep) {
  const auto n = static_cast<int64_t>(plan.runs.size());
  const int64_t left = n - plan.finished();
  const std::string grid = grid_text(sweep);
  std::string text = join("sweep   ", n, n == 1 ? " run" : " runs", grid.empty() ? "" : ": " + grid,
                          plan.finished() > 0 ? join("; ", plan.finished(), " finished") : "", "\n");
  if (left == 0) return text;
  text += join("time    about ", duration_text(plan.seconds), " for ", left, left == 1 ? " run, " : " runs, ",
               plan.at_once, " at once with ", plan.threads, plan.threads == 1 ? " thread" : " threads",
               " each, by timed steps", plan.at_once > 1 ? " of one run at a time" : "", "\n");
  text += join("memory  ", bytes_text(static_cast<double>(plan.peak_bytes)), " at peak\n\n");
  std::vector<std::vector<std::string>> rows{{"run", "parameters", "FLOP/token", "steps", "ms/step", "time"}};
  for (const SweepRun& run : plan.runs) {
    if (run.finished) continue;
    const std::string steps = run.steps_done > 0
                                  ? join(long_count(run.steps_done), " of ", long_count(run.steps))
                                  : long_count(run.steps);
    rows.push_back({run.name, long_count(run.parameters), short_count(run.flops_per_token), steps,
                    fixed(run.seconds_per_step * 1e3, 2), duration_text(run.seconds_left)});
  }
  return text + table_text(rows);
}

std::string plan_json(const SweepPlan& plan, const SweepDefinition& sweep) {
  Json grid = Json::object(), list = Json::array();
  for (const GridKey& g : sweep.grid) grid[g.key] = g.values;
  for (const SweepRun& run : plan.runs) {
    Json entry{{"run", run.name}, {"seed", run.seed}, {"finished", run.finished}};
    if (!run.finished)
      entry.update({{"parameters", run.parameters},
                    {"flops_per_token", run.flops_per_token},
                    {"steps", run.steps},
                    {"steps_done", run.steps_done},
                    {"ms_per_step", run.seconds_per_step * 1e3},
                    {"seconds_left", run.seconds_left}});
    list.push_back(entry);
  }
  const Json out{{"runs", plan.runs.size()},
                 {"finished", plan.finished()},
                 {"seeds", sweep.seeds},
                 {"grid", grid},
                 {"at_once", plan.at_once},
                 {"threads", plan.threads},
                 {"peak_bytes", plan.peak_bytes},
                 {"seconds", plan.seconds},
                 {"plan", list}};
  return json_text(out, 2) + "\n";
}

}  // namespace hewn::cli
