#pragma once
// The exchanges between the processes of a step. train/ranks implements them.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/not_copied.h"
#include "model/parameters.h"
#include "train/config.h"
#include "train/step/gradient_groups.h"
#include "train/step/slab_blocks.h"

namespace hewn {

/// Elements of the parameters' slab, and the process that updates them.
struct Shard {
  static constexpr int every_process = -1;
  Range elements;
  int owner = every_process;
};

/// The exchanges of a step, in the order in which a step makes them. This class serves a single process,
/// which has nothing to exchange. All processes must call each communicating function, in the same order.
class StepExchange : NotCopied {
 public:
  virtual ~StepExchange() = default;
  /// The exchange of a single process. It has no state.
  static StepExchange& none() {
    static StepExchange exchange;
    return exchange;
  }

  /// The number of this process, from 0.
  virtual int number() const { return 0; }
  /// The contributions of all processes, by number.
  virtual std::vector<std::vector<double>> gather(const std::vector<double>& mine) { return {mine}; }

  // The gradients.

  /// Begins a step; this process computes `micro_steps` of its micro-steps.
  virtual void begin(int64_t /*micro_steps*/) {}
  /// The destination of each micro-step's loss, [micro_steps] on the device, for `finish` to add; null:
  /// losses are added on the device.
  virtual double* losses() { return nullptr; }
  /// Called before the last forward and backward pass: gradients may be sent while it runs.
  virtual void begin_last_pass() {}
  /// Ends a group of micro-steps (`GradientGroups::end`). After the last one, the gradients of this process's
  /// shards are the sums over all processes.
  virtual void end_group(GradientGroups& groups, int64_t group) { groups.end(group); }
  /// Whether the last pass, and the end of its group, can be part of a graph.
  virtual bool in_graphs() const { return true; }
  /// Called after each replay of such a graph. `again`: its functions were not called for it.
  virtual void replayed(bool /*again*/) {}
  /// Ends the exchange of gradients and losses in step number `step`, waiting for the other processes.
  /// Returns the sum of all losses, if they were not added on the device.
  virtual std::optional<double> finish(int64_t /*step*/) { return {}; }

  // The update.

  /// The shards of a slab of n elements, in order.
  virtual std::vector<Shard> shards(int64_t n) const { return {{.elements = {0, n}}}; }
  /// Completes the sums of squares of all blocks; this process has computed those of its shards. The
  /// parameters may be updated afterwards.
  virtual void gather_squares(Tensor& /*squares*/) {}
  /// Sends all processes the updated parameters of the others, or starts to. Returns the elements whose
  /// values are sent; for the rest, only the bf16 copies are.
  virtual std::vector<Range> gather_updated() { return {}; }

  // Between steps.

  /// Sends all processes the gradients of the others' shards.
  virtual void gather_gradients() {}
  /// Completes the values of which only the bf16 copies were sent. Call this before using the parameters for
  /// anything other than training.
  virtual void gather_values() {}
  /// Throws if another process has failed. Call this repeatedly while waiting for the device.
  virtual void check() {}
};

/// The arguments of an exchange. The references must outlive it.
struct ExchangeParts {
  Parameters& parameters;
  GradientGroups& groups;
  const TrainConfig& config;  ///< read by the constructor only
};

/// Processes that compute steps together.
class StepPartners {
 public:
  virtual ~StepPartners() = default;
  /// The number of these groups of micro-steps per process. Throws usage if they cannot be divided.
  virtual int64_t groups_of_each(int64_t groups) const = 0;
  virtual std::unique_ptr<StepExchange> exchange(const ExchangeParts& parts) = 0;
};

}  // namespace hewn
