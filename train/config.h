#pragma once
// Everything that decides a training run, with nanoGPT's names. The command line fills it; a run saves it.

#include <cstdint>
#include <string>

#include "model/config.h"

namespace hewn {

enum class OptimizerKind : uint8_t { adamw, adam, sgd };
enum class ScheduleKind : uint8_t { cosine, linear, constant };

/// How parameters follow gradients.
struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::adamw;
  double weight_decay =
      0.1;             ///< on matrices only; decoupled with adamw, added to the gradient with adam and sgd
  double beta1 = 0.9;  ///< momentum with sgd
  double beta2 = 0.99;
  double eps = 1e-8;
  double grad_clip = 1.0;            ///< largest global norm of the gradients; 0: no clipping
  bool stochastic_rounding = false;  ///< of the bf16 copies of matrices; else to the nearest
};

/// Learning rate by step: a linear warm-up, then a fall to `min_lr` at `lr_decay_iters`.
struct ScheduleConfig {
  ScheduleKind kind = ScheduleKind::cosine;
  double learning_rate = 1e-3;
  double min_lr = 1e-4;
  int64_t warmup_iters = 100;
  int64_t lr_decay_iters = 2000;
  bool decay_lr = true;  ///< false: constant after the warm-up
};

/// What is computed: a run of the same TrainConfig is the same bits.
struct TrainConfig {
  ModelConfig model;
  OptimizerConfig optimizer;
  ScheduleConfig schedule;

  int64_t batch_size = 12;
  int64_t gradient_accumulation_steps = 1;
  int64_t max_iters = 2000;
  double max_time = 0;   ///< seconds of training after which to stop; 0: no limit
  int64_t patience = 0;  ///< evaluations without a better validation loss after which to stop; 0: no limit
  uint64_t seed = 1337;
  DType dtype = DType::f32;
  bool recompute = false;  ///< less memory for activations, a third more work; the same bits

  int64_t eval_interval = 250;
  int64_t eval_iters = 20;  ///< fixed validation batches per evaluation
  int64_t log_interval = 10;
  bool always_save_checkpoint = true;  ///< at every evaluation, not only at better ones
  int64_t keep = 3;                    ///< checkpoints to keep besides the best
  int64_t sample_interval = 0;         ///< steps between samples written to the run; 0: none

  /// Throws usage with what is wrong: sizes, ranges, a warm-up longer than the decay.
  void check() const;
};

std::string name_of(OptimizerKind v);
std::string name_of(ScheduleKind v);
void parse_name(const std::string& name, OptimizerKind& v);
void parse_name(const std::string& name, ScheduleKind& v);

/// The learning rate of step `step`, counted from 0. The warm-up reaches `learning_rate` after `warmup_iters`
/// steps and is never zero.
double learning_rate_at(const ScheduleConfig& schedule, int64_t step);

}  // namespace hewn
