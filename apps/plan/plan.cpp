// hewn plan: runs the real model on the meta device, which allocates and launches but computes nothing.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/bench/shapes.h"
#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/run/ranks/launch.h"
#include "apps/ranks/plan_ranks.h"
#include "apps/run/input.h"
#include "apps/run/open_run.h"
#include "apps/run/ranks/start.h"
#include "apps/run/run_config.h"
#include "apps/run/text/prompts.h"
#include "core/error.h"
#include "core/io/limits.h"
#include "core/io/path.h"
#include "kernels/gpu/runtime/known.h"
#include "kernels/roof/roof.h"
#include "model/json.h"
#include "train/counting.h"
#include "train/plan.h"

namespace hewn::cli {
namespace {

// All figures of the plan, before formatting.
struct Answer {
  TrainConfig config;
  Plan plan;
  std::vector<RunKernel> kernels;  // of a step, those with the longest minimum time first
  PlanTarget target;
  const KnownGpu* gpu = nullptr;            // target GPU, with its maker's figures; null: this machine
  double flops_per_s = 0, bytes_per_s = 0;  // of the roofline
  size_t available = 0;                     // memory in bytes
  int64_t largest_batch = 0;
  size_t cache_bytes = 0;    // of a text of block_size tokens
  PlannedExchange exchange;  // if there are several ranks

  int64_t tokens_per_step() const {
    return config.batch_size * config.gradient_accumulation_steps * config.longest_row();
  }
  double floor_seconds() const { return plan.floor_seconds(flops_per_s, bytes_per_s); }
  // Minimum time of all calls of a kernel, in seconds.
  double floor_seconds(const RunKernel& k) const {
    return std::max(k.cost.flops / flops_per_s, k.cost.bytes / bytes_per_s);
  }
};

Json memory_json(const MemStats& memory) {
  Json out{{"peak_bytes", memory.peak}, {"peak_reserved_bytes", memory.peak_reserved}};
  for (int use = 0; use < n_mem_uses; ++use)
    out[std::string(name_of(static_cast<MemUse>(use)))] = memory.at_peak_by_use[use];
  return out;
}

Json ops_json(const Answer& a) {
  return json_list(a.kernels, [&](const RunKernel& k) -> Json {
    return {{"op", k.op},
            {"shape", k.sketch.shape},
            {"dtype", name_of(k.sketch.dtype)},
            {"rung", k.rung},
            {"calls", k.calls},
            {"flops", k.cost.flops},
            {"bytes", k.cost.bytes},
            {"floor_ms", a.floor_seconds(k) * 1e3}};
  });
}

Json as_json(const Answer& a) {
  Json parts = Json::object();
  for (const auto& [part, n] : a.plan.parameters) parts[part] = n;
  Json out{{"parameters", a.plan.total_parameters},
           {"trained_parameters", a.plan.trained_parameters},
           {"parts", parts},
           {"tokens_per_step", a.tokens_per_step()},
           {"flops_per_token", a.plan.flops_per_token},
           {"memory", memory_json(a.plan.memory)},
           {"peak_bytes", a.plan.memory.peak},
           {"flops_per_second", a.flops_per_s},
           {"bytes_per_second", a.bytes_per_s},
           {"floor_ms_per_step", a.floor_seconds() * 1e3},
           {"cache_bytes", a.cache_bytes},
           {"available_bytes", a.available},
           {"largest_batch_size", a.largest_batch}};
  if (a.gpu) out["gpu"] = a.gpu->name;
  if (a.target.ranks > 1) out["ranks"] = json_of(a.exchange, a.target);
  if (!a.kernels.empty()) out["ops"] = ops_json(a);
  return out;
}

// The source of the roofs.
std::string roofs_text(const Answer& a) {
  if (a.gpu) return join("from the data sheet of the ", a.gpu->name, "; ");
  return join("measured on ", a.target.threads, a.target.threads == 1 ? " thread; " : " threads; ");
}

void print_text(const Answer& a) {
  const int64_t trained = a.plan.trained_parameters;
  print("parameters  ", long_count(a.plan.total_parameters),
        trained < a.plan.total_parameters ? join(", of which ", long_count(trained), " train") : "", "\n");
  for (const auto& [part, n] : a.plan.parameters)
    print("  ", part, std::string(part.size() < 12 ? 12 - part.size() : 1, ' '), long_count(n), "\n");
  print("step        ", long_count(a.tokens_per_step()), " tokens, ",
        scaled(a.plan.flops_per_token * static_cast<double>(a.tokens_per_step()), "FLOP"), ", ",
        scaled(a.plan.flops_per_token, "FLOP"), " per token\n");
  print("memory      ", bytes_text(static_cast<double>(a.plan.memory.peak)), " at peak",
        a.target.ranks > 1 ? " on each of the ranks\n" : "\n");
  for (int use = 0; use < n_mem_uses; ++use) {
    const std::string name(name_of(static_cast<MemUse>(use)));
    const size_t bytes = a.plan.memory.at_peak_by_use[use];
    if (bytes > 0)
      print("  ", name, std::string(12 - name.size(), ' '), bytes_text(static_cast<double>(bytes)), "\n");
  }
  print("lower bound ", fixed(a.floor_seconds() * 1e3, 3), " ms per step at ",
        scaled(a.flops_per_s, "FLOP/s"), " and ", scaled(a.bytes_per_s, "B/s"), ", ", roofs_text(a),
        long_count(a.config.max_iters), " steps take at least ",
        duration_text(a.floor_seconds() * static_cast<double>(a.config.max_iters)), "\n");
  if (a.target.ranks > 1) print(lines_of(a.exchange, a.target));
  if (a.cache_bytes > 0)
    print("writing     ", bytes_text(static_cast<double>(a.cache_bytes)), " for a text of ",
          a.config.model.block_size, " tokens\n");
  if (a.available == 0) return;
  const std::string space =
      bytes_text(static_cast<double>(a.available)) + (a.gpu ? " of its memory" : " of free memory");
  print("fits        ",
        a.largest_batch > 0 ? join("batch_size up to ", a.largest_batch, " in ", space)
                            : join("not even batch_size 1 in ", space),
        "\n");
}

// One line per op, shape, dtype and rung, and a total.
void print_ops(const Answer& a) {
  std::vector<std::vector<std::string>> rows = {
      {"op", "shape", "dtype", "rung", "calls", "GFLOP", "MB", "bound ms"}};
  const auto figures = [](int64_t calls, const Cost& cost, double seconds) {
    return std::vector<std::string>{long_count(calls), fixed(cost.flops * 1e-9, 1),
                                    fixed(cost.bytes * 1e-6, 1), fixed(seconds * 1e3, 3)};
  };
  int64_t calls = 0;
  Cost all;
  for (const RunKernel& k : a.kernels) {
    rows.push_back({k.op, k.sketch.shape, std::string(name_of(k.sketch.dtype)), k.rung});
    const auto cells = figures(k.calls, k.cost, a.floor_seconds(k));
    rows.back().insert(rows.back().end(), cells.begin(), cells.end());
    calls += k.calls;
    all.flops += k.cost.flops;
    all.bytes += k.cost.bytes;
  }
  rows.push_back({"total", "", "", ""});
  const auto cells = figures(calls, all, a.floor_seconds());
  rows.back().insert(rows.back().end(), cells.begin(), cells.end());
  print("\n", table_text(rows));
}

// Plans for this machine: its measured speed and its available memory.
void plan_here(Answer& a, const Settings& settings) {
  const auto device = open_device(settings);
  a.target = target_of(*device);
  a.flops_per_s = measured_flops(a.config.dtype, a.target.isa, a.target.threads);
  a.bytes_per_s = measured_bandwidth(size_t{256} << 20, a.target.isa, a.target.threads);
  a.available = available_memory();
}

// Plans for a GPU, which need not be present.
void plan_for_gpu(Answer& a, const KnownGpu& gpu) {
  a.gpu = &gpu;
  a.target = {.threads = gpu.multiprocessors, .isa = Isa::cuda, .memory_bytes = gpu.memory_bytes};
  a.flops_per_s = gpu.flops(a.config.dtype);
  a.bytes_per_s = gpu.bytes_per_s;
  a.available = gpu.memory_bytes;
}

// The plan of a model that is counted: bounds, since the number of different n-grams is not known before.
int plan_counting(const Settings& settings, const ModelConfig& config) {
  const Dataset data = open_dataset(data_options(settings));
  const double bytes = counting_bytes(config, data);
  const auto free = static_cast<double>(available_memory());
  if (settings.flag("json")) {
    print(json_text(Json{{"order", config.order},
                         {"train_tokens", data.train_tokens()},
                         {"most_bytes", bytes},
                         {"available_bytes", free}},
                    2),
          "\n");
    return 0;
  }
  print("counts      ", long_count(data.train_tokens()), " tokens, n-grams of up to ", config.order,
        " tokens\n");
  print("memory      at most ", bytes_text(bytes), ", of ", bytes_text(free), " of free memory\n");
  return 0;
}

// The configuration of the settings, or of a run, with the keys that are given beside it.
TrainConfig config_to_plan(const Settings& settings) {
  if (settings.arguments.empty()) return train_config(settings, model_config(settings, data_sizes(settings)));
  const std::string& run = settings.arguments[0];
  require(settings.arguments.size() == 1, "two runs were given, ", run, " and ", settings.arguments.back(),
          "; give one");
  require(path_is_directory(run), "'", run,
          "' is neither a run, a CONFIG.toml nor a key; give a text as --dataset=FILE");
  const Command& command = training_command(run_of(run));
  std::vector<Assignment> changes;
  for (const Option* option : options_of(settings.command())) {
    const std::string_view key = option->name;
    if (option->is_key() && settings.given(key) && find_option(command, key))
      changes.push_back({std::string(key), settings.text(key), settings.where(key)});
  }
  const TrainConfig config = config_of_run(run, changes);
  for (const Assignment& of_run : model_settings(config.model, run))
    require(!settings.takes(of_run.key) || !settings.given(of_run.key) ||
                settings.text(of_run.key) == of_run.value,
            settings.where(of_run.key), ": ", of_run.key, " = ", settings.text(of_run.key), ", but ", run,
            " has ", of_run.value, "; leave it out, or plan a new model without naming a run");
  require(config.model.arch != "ngram", run, " is a counted model, which is not trained in steps");
  return config;
}

// Plans for one of this many ranks, each of which has a machine of its own.
void plan_with_ranks(Answer& a, const Settings& settings) {
  const int64_t ranks = settings.integer("ranks");
  require(!settings.given("network") || ranks > 1, settings.where("network"),
          ": requires several processes; give their number as --ranks=N");
  if (ranks == 1) return;
  check_ranks(settings, ranks);
  if (!settings.given("grad_shards") && settings.arguments.empty()) a.config.grad_shards = ranks;
  check_division(settings, a.config.gradient_accumulation_steps, a.config.grad_shards, ranks);
  a.target.ranks = static_cast<int>(ranks);
}

}  // namespace

int run_plan(const Settings& settings) {
  Answer a;
  a.config = config_to_plan(settings);
  if (a.config.model.arch == "ngram") return plan_counting(settings, a.config.model);
  const std::string device = settings.text("device");
  require(
      device != "emulated", settings.where("device"),
      ": cannot plan for the emulated device; --device=cuda plans for a GPU, which need not be installed");
  require(device == "cuda" || !settings.given("gpu"), settings.where("gpu"), ": requires --device=cuda");
  const KnownGpu* const gpu = device == "cuda" ? known_gpu(settings.text("gpu")) : nullptr;
  const Link link = planned_link(settings, gpu);  // before this machine is measured, which takes seconds
  if (gpu)
    plan_for_gpu(a, *gpu);
  else
    plan_here(a, settings);
  plan_with_ranks(a, settings);
  if (!a.config.model.classifies()) a.cache_bytes = cache_bytes(a.config, a.target, kv_of(settings));
  StepKernels step;
  a.plan = make_plan(a.config, a.target, settings.flag("ops") ? &step : nullptr);
  a.kernels = std::move(step.list);
  std::stable_sort(a.kernels.begin(), a.kernels.end(), [&](const RunKernel& x, const RunKernel& y) {
    return a.floor_seconds(x) > a.floor_seconds(y);
  });
  if (a.target.ranks > 1) a.exchange = plan_exchange(link, a.config, a.target, a.plan, a.floor_seconds());
  if (a.available > 0) a.largest_batch = largest_batch(a.config, a.target, a.available);
  if (settings.flag("json"))
    print(json_text(as_json(a), 2), "\n");
  else
    print_text(a);
  if (!settings.flag("json") && settings.flag("ops")) print_ops(a);
  return 0;
}

}  // namespace hewn::cli
