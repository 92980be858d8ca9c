#include "apps/bench/commands/model_times.h"

#include <algorithm>

#include "core/base/clock.h"
#include "model/json.h"

namespace hewn::cli {

Timing timing_of(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return {.best = seconds.front(), .median = seconds[seconds.size() / 2]};
}

std::vector<double> seconds_of(Executor& device, int64_t calls, const std::function<void()>& call) {
  std::vector<double> seconds;
  for (int64_t i = 0; i < calls; ++i) {
    device.sync();
    const auto start = Clock::now();
    call();
    device.sync();
    seconds.push_back(seconds_since(start));
  }
  return seconds;
}

MachineRoof roof_of(Executor& device, const Settings& settings) {
  return {dtype_from_name(settings.text("dtype")), device};
}

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

}  // namespace hewn::cli
