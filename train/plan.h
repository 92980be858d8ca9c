#pragma once
// What a run will cost, before it runs: the real model and optimizer on the meta device, which holds no bytes
// and runs no kernel but asks for all of them.

#include <map>
#include <string>
#include <vector>

#include "core/memory.h"
#include "kernels/contract/contract.h"
#include "train/config.h"

namespace hewn {

/// The computer to plan for.
struct PlanTarget {
  int threads = 1;
  Isa isa = Isa::scalar;
};

/// All launches of one kernel in a step.
struct PlannedKernel {
  int64_t calls = 0;
  Cost cost;  ///< of all calls
};

struct Plan {
  std::vector<std::pair<std::string, int64_t>> parameters;  ///< by part: "embeddings", "attention", "mlp" ...
  int64_t total_parameters = 0;
  std::map<std::string, PlannedKernel> kernels;  ///< of one training step, by op
  std::vector<Cost> launches;                    ///< of one training step, in order
  double flops_per_token = 0;                    ///< forward, backward and update
  MemStats memory;                  ///< of training with evaluations; `peak` is what is handed out at most
  std::vector<MemTagStats> by_tag;  ///< what stands in memory at the peak, largest first

  /// Seconds a step takes at least on a machine with these roofs: each launch waits for its arithmetic or its
  /// bytes.
  double floor_seconds(double flops_per_s, double bytes_per_s) const;
};

/// Two steps and an evaluation of this run on the meta device. The config is checked first. `watch` is told
/// of the launches of the second step.
Plan make_plan(const TrainConfig& config, const PlanTarget& target, Profiler* watch = nullptr);

/// The largest batch_size whose peak is at most `bytes`; 0 if not even 1 fits.
int64_t largest_batch(TrainConfig config, const PlanTarget& target, size_t bytes);

/// Bytes of memory the system can still give, from /proc/meminfo; 0 if it does not say.
size_t available_memory();

}  // namespace hewn
