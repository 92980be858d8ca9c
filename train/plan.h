#pragma once
// Predicts the cost of a run. The real model and optimizer run on the meta device, which allocates and
// launches like a real device but holds no bytes and runs no kernel.

#include <map>
#include <string>
#include <vector>

#include "core/memory.h"
#include "kernels/contract/contract.h"
#include "kernels/paged_attention/abi.h"
#include "train/config.h"

namespace hewn {

/// The computer to plan for.
struct PlanTarget {
  int threads = 1;
  Isa isa = Isa::scalar;
  size_t memory_bytes = 0;  ///< of a GPU
  int ranks = 1;            ///< ranks that train together, on CPUs
  int rank = 0;             ///< the planned rank; the others differ by a few blocks of moments
};

/// The computer of this device.
PlanTarget target_of(const Executor& device);

/// All launches of one kernel in a step.
struct PlannedKernel {
  int64_t calls = 0;
  Cost cost;  ///< of all calls
};

struct Plan {
  std::vector<std::pair<std::string, int64_t>> parameters;  ///< by part: "embeddings", "attention", "mlp" ...
  int64_t total_parameters = 0;
  int64_t trained_parameters = 0;
  std::map<std::string, PlannedKernel> kernels;  ///< of one training step, by op
  std::vector<Cost> launches;                    ///< of one training step, in order
  int64_t bytes_sent = 0;                        ///< of one training step, by one of several ranks
  int64_t gradient_bytes_sent = 0;               ///< exchanged bytes during the last backward pass
  double flops_per_token = 0;                    ///< forward, backward and update, of all ranks
  MemStats memory;                               ///< of training with evaluations
  std::vector<MemTagStats> by_tag;               ///< bytes in memory at the peak, largest first

  /// Lower bound on a step's time, in seconds, on a machine with this arithmetic peak and bandwidth: for each
  /// launch, the larger of the time of its arithmetic and that of its bytes.
  double floor_seconds(double flops_per_s, double bytes_per_s) const;
};

/// Plans two steps of this run, each after an evaluation; for one of several ranks, its part of the
/// micro-steps. Checks the config first, and throws usage like `Trainer`. A counted model has no steps and an
/// empty plan; `counting_bytes` bounds its memory. `watch` observes the launches of the second step.
Plan make_plan(const TrainConfig& config, const PlanTarget& target, Profiler* watch = nullptr);

/// The size in bytes of the cache for a text of block_size tokens (ModelConfig, KvFormat): keys and values,
/// or the state of a recurrent network. Throws usage like `Model::make_cache`.
size_t cache_bytes(const TrainConfig& config, const PlanTarget& target, KvFormat kv);

/// The largest batch_size whose peak is at most `bytes`; 0 if not even 1 fits.
int64_t largest_batch(TrainConfig config, const PlanTarget& target, size_t bytes);

}  // namespace hewn
