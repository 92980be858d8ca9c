#include "apps/bench/shapes.h"

#include <algorithm>
#include <tuple>

#include "apps/cli/config_file.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "core/io/path.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/tasks/task.h"

namespace hewn::cli {
namespace {

TrainConfig config_of_file(const std::string& file) {
  Settings settings(*find_command("bench train"));
  settings.fill(read_config(file));
  return train_config(settings, model_config(settings, data_sizes(settings)));
}

}  // namespace

TrainConfig config_of_run(const std::string& path, const std::vector<Assignment>& changes) {
  // A run that was stopped before its first checkpoint still has its configuration.
  const bool bare = path_exists(path + "/config.toml") && list_checkpoints(path).empty();
  const std::string checkpoint = bare ? "" : find_checkpoint(path, "last"),
                    run = bare ? path : run_of(checkpoint);
  Settings settings = read_run_config(run);
  for (const Assignment& change : changes) settings.set(change);
  if (bare) return train_config(settings, model_config(settings, data_sizes(settings)));
  TrainConfig config = train_config(settings, checkpoint_config(checkpoint));
  config.training.first_new = checkpoint_state(checkpoint).first_new_token;
  if (const auto task = read_task(run))
    config.max_length = std::min(task->max_length, config.model.block_size);
  if (!settings.given("max_iters")) config.max_iters = checkpoint_state(checkpoint).step;
  return config;
}

void StepKernels::launching(const char* op, const void* args) {
  RunKernel kernel{.op = op};
  for (const Room& room : rooms()) {
    kernel.sketch = room.like(op, args);
    kernel.room = &room;
    if (kernel.sketch.make) break;
  }
  if (!kernel.sketch.make) fail(ErrorCode::failed, "no room can make a case of ", op);
  const auto same = [&](const RunKernel& known) {
    return std::tie(known.op, known.sketch.shape, known.sketch.dtype) ==
           std::tie(kernel.op, kernel.sketch.shape, kernel.sketch.dtype);
  };
  at_ = static_cast<size_t>(std::find_if(list.begin(), list.end(), same) - list.begin());
  if (at_ == list.size()) list.push_back(std::move(kernel));
  ++list[at_].calls;
}

void StepKernels::launched(const char*, const char* rung, const Cost& cost) {
  RunKernel& kernel = list[at_];
  kernel.rung = rung;
  kernel.cost.flops += cost.flops;
  kernel.cost.bytes += cost.bytes;
}

std::vector<RunKernel> kernels_of_run(const std::string& of, int threads, Isa isa) {
  const TrainConfig config = of.ends_with(".toml") ? config_of_file(of) : config_of_run(of);
  StepKernels kernels;
  make_plan(config, {.threads = threads, .isa = isa}, &kernels);
  detail("a step calls ", kernels.list.size(), " different kernels");
  return std::move(kernels.list);
}

}  // namespace hewn::cli
