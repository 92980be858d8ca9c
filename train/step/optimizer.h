#pragma once
// The optimizer: groups of parameters, each updated by its rule in one kernel call.

#include <string>
#include <vector>

#include "kernels/contract/launch.h"
#include "train/step/rules.h"
#include "train/step/step_exchange.h"

namespace hewn {

class Optimizer {
 public:
  /// Allocates zero moments of the parameters that this process updates: where processes divide the update, stage 1 of
  /// ZeRO (Rajbhandari et al., "ZeRO: Memory optimizations toward training trillion parameter models", 2020). The
  /// arguments but `config` must outlive the object.
  Optimizer(Parameters& parameters, const OptimizerConfig& config,
            StepExchange& exchange = StepExchange::none());

  /// Clips the gradients by their global norm and updates every parameter. `state` is a StepState on the
  /// device: reads learning rate and step; writes norm, clip factor and non-finite flag. Updates nothing if
  /// the gradients, or `loss` (on the device, if given), are not finite. Does not change the gradients. Each
  /// process reads only those of its shards, which must hold the sums over all processes.
  void step(const Tensor& state, const double* loss = nullptr);

  /// Restores the bf16 copies after parameters were loaded from a checkpoint of step `state.step`: the same
  /// bits as when it was saved. Does nothing without stochastic rounding.
  void round_again(const StepState& state);

  /// Consecutive elements of a moment.
  struct Piece {
    static constexpr int every_rank = Shard::every_process;
    Range elements;          ///< of the moment, row-major
    int owner = every_rank;  ///< the rank that stores them
    Tensor here = {};        ///< [elements.size()]; undefined if this rank does not have them
  };
  /// A moment of a parameter, as it is saved and restored.
  struct Moment {
    std::string name;  ///< "m.PARAMETER"
    Shape shape;
    std::vector<Piece> pieces;  ///< in order; a single piece if every rank has the whole moment
    /// The whole moment. Throws usage if it is divided among ranks.
    Tensor value() const;
  };
  /// In the order of a checkpoint: by parameter.
  std::vector<Moment> moments() const;
  /// This process's part of all moments, as vectors.
  std::vector<Tensor> moments_here() const;

 private:
  /// The elements that this process updates in one call: a group, or its part of one.
  struct Part {
    ParameterGroup group;
    Range elements;               // of the slab
    std::vector<Tensor> moments;  // [elements], in the order of the rule
  };
  bool is_mine(const Shard& shard) const {
    return shard.owner == Shard::every_process || shard.owner == exchange_.number();
  }
  void update(const Part& part, const StepState* state);
  void round_stochastically(const StepState* state, int64_t extra, Range elements);
  std::vector<Piece> pieces_of(const ParameterGroup& group, Range elements, size_t moment) const;

  Parameters& parameters_;
  OptimizerConfig config_;
  StepExchange& exchange_;
  std::vector<Shard> shards_;
  SlabBlocks blocks_;
  std::vector<Part> parts_;
  Tensor squares_;  // f64: the sum of squares of each block, for the norm
};

}  // namespace hewn
