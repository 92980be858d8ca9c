#pragma once
// The configuration of a training run, with nanoGPT's names. The command line fills it in; a run saves it.

#include <cstdint>
#include <string_view>

#include "model/adapters/trained.h"
#include "model/config.h"

namespace hewn {

enum class OptimizerKind : uint8_t { adamw, adam, sgd };
constexpr std::string_view names_of(OptimizerKind) { return "adamw|adam|sgd"; }

enum class ScheduleKind : uint8_t { cosine, linear, constant };
constexpr std::string_view names_of(ScheduleKind) { return "cosine|linear|constant"; }

/// How the optimizer updates the parameters.
struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::adamw;
  /// Applies to matrices only; decoupled with adamw, added to the gradient with adam and sgd.
  double weight_decay = 0.1;
  double beta1 = 0.9;  ///< momentum with sgd
  double beta2 = 0.99;
  double eps = 1e-8;
  double grad_clip = 1.0;            ///< limit of the gradients' global norm; 0: no clipping
  bool stochastic_rounding = false;  ///< stochastic rounding of the bf16 copies of matrices; false: to
                                     ///< nearest
  bool shard = true;                 ///< with several ranks, each stores only the moments of its part
};

/// Learning rate by step: a linear warm-up, then a decay to `min_lr` at `lr_decay_iters`.
struct ScheduleConfig {
  ScheduleKind kind = ScheduleKind::cosine;
  double learning_rate = 1e-3;
  double min_lr = 1e-4;
  int64_t warmup_iters = 100;
  int64_t lr_decay_iters = 2000;
  bool decay_lr = true;  ///< false: constant after the warm-up
};

/// Learning from pairs of answers (`preference_loss`).
struct PreferenceConfig {
  bool on = false;             ///< the rows of a batch are pairs, `batch_size` of them
  double beta = 0.1;           ///< how strongly the model is kept close to the reference model
  double label_smoothing = 0;  ///< probability that the answers of a pair are in the wrong order
};

/// How several processes add their gradients: `exact` gives the bits of a single process.
enum class Reduction : uint8_t { exact };
constexpr std::string_view names_of(Reduction) { return "exact"; }

/// The configuration of a run; equal configurations give the same bits. Every member that users set by name
/// has a line in `training_keys`, `preference_keys` or `watching_keys` below.
struct TrainConfig {
  ModelConfig model;
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  WhatTrains training = {};
  PreferenceConfig preference = {};

  int64_t batch_size = 12;
  int64_t gradient_accumulation_steps = 1;
  int64_t grad_shards = 1;  ///< groups of micro-steps, see `GradientGroups`
  int64_t bucket_mb = 25;   ///< MB of gradients that several processes exchange at a time, see `Ranks`
  Reduction reduce = Reduction::exact;
  int64_t max_length = 0;   ///< tokens of the longest row of a batch, at most block_size; 0: block_size
  int64_t max_iters = 2000;
  double max_time = 0;   ///< stop after this many seconds of training; 0: no limit
  int64_t patience = 0;  ///< stop after this many evaluations without improvement; 0: no limit
  uint64_t seed = 1337;
  DType dtype = DType::f32;
  bool recompute = false;  ///< less memory for activations, a third more work; the same bits

  int64_t eval_interval = 250;
  int64_t eval_iters = 20;  ///< fixed validation batches per evaluation
  int64_t log_interval = 10;
  bool log_grad_norms = false;         ///< at every evaluation, the norm of the gradients of each block
  bool log_update_ratios = false;      ///< at every evaluation, the norm of each block's update relative to
                                       ///< its weights
  bool always_save_checkpoint = true;  ///< at every evaluation; false: only when the loss improves
  int64_t keep = 3;                    ///< number of checkpoints to keep besides the best
  int64_t check_interval = 250;        ///< steps after which several processes compare their parameters
  int64_t sample_interval = 0;         ///< steps between samples, the first at step 0; 0: none

  /// Tokens of the longest row of a batch.
  int64_t longest_row() const { return max_length > 0 ? max_length : model.block_size; }
  /// Rows of a batch.
  int64_t rows() const { return preference.on ? 2 * batch_size : batch_size; }
  /// Throws usage, naming the mistake: sizes, ranges, a warm-up longer than the decay.
  void check() const;
};

inline constexpr int64_t most_steps = 1'000'000'000'000;

/// Every key that affects the result of a step, in the order of the help. A key derived from others comes after them.
inline constexpr Key<TrainConfig> training_keys[] = {
    key<&TrainConfig::batch_size>("batch_size", Change::always, Integers{1, 1 << 20},
                                  "sequences per micro-step"),
    key<&TrainConfig::gradient_accumulation_steps>("gradient_accumulation_steps", Change::always,
                                                   Integers{1, 1 << 20}, "micro-steps per optimizer step"),
    key<&TrainConfig::grad_shards>(
        "grad_shards", Change::always, Integers{1, 1 << 10},
        "groups of micro-steps, whose gradients are added as a binary tree: a power of two that divides "
        "gradient_accumulation_steps"),
    key<&TrainConfig::bucket_mb>(
        "bucket_mb", Change::always, Integers{1, 4096},
        "MB of gradients that several processes exchange at a time, while the backward pass computes more"),
    key<&TrainConfig::reduce>(
        "reduce", Change::always,
        "how several processes add their gradients: exact, with the bits of one process"),
    key<&TrainConfig::optimizer, &OptimizerConfig::shard>(
        "shard_optimizer", Change::always,
        "with several ranks, divide the optimizer's moments among them (ZeRO, stage 1), which takes less memory "
        "and gives the same bits; false: each has all of them"),
    key<&TrainConfig::max_iters>("max_iters", Change::always, Integers{0, most_steps},
                                 "number of optimizer steps"),
    key<&TrainConfig::training, &WhatTrains::what>(
        "train", Change::new_run, FreeText{"all|last:K|head|lora"},
        "what to train: all; the last K blocks, the final norm and a head that shares no weights with the "
        "embeddings; only the head; or low-rank adapters (LoRA). The rest keeps its values and has no "
        "gradients "
        "or moments"),
    key<&TrainConfig::training, &WhatTrains::lora, &LoraConfig::rank>(
        "lora_rank", Change::new_run, Integers{1, 4096}, "rank of the adapters"),
    key<&TrainConfig::training, &WhatTrains::lora, &LoraConfig::alpha>(
        "lora_alpha", Change::new_run, Reals{.least_excluded = true},
        "scale of the adapters: their product is multiplied by lora_alpha / lora_rank"),
    key<&TrainConfig::training, &WhatTrains::lora, &LoraConfig::dropout>(
        "lora_dropout", Change::new_run, Reals{.most = 1, .most_excluded = true},
        "dropout probability of what enters the adapters"),
    key<&TrainConfig::training, &WhatTrains::lora, &LoraConfig::layers>(
        "lora_layers", Change::new_run, FreeText{"PATTERN,..."},
        "layers with an adapter, by name or by its end behind a dot, with * for any text: c_attn, h.0.*, "
        "*.mlp.*")
        .following("all linear layers of the blocks"),
    key<&TrainConfig::optimizer, &OptimizerConfig::kind>("optimizer", Change::new_run, "optimizer"),
    key<&TrainConfig::schedule, &ScheduleConfig::learning_rate>("learning_rate", Change::always,
                                                                Reals{0, 1e6}, "peak learning rate"),
    key<&TrainConfig::schedule, &ScheduleConfig::kind>("schedule", Change::always,
                                                       "shape of the learning-rate decay after the warm-up"),
    key<&TrainConfig::schedule, &ScheduleConfig::decay_lr>(
        "decay_lr", Change::always, "decay the learning rate; false: schedule=constant"),
    key<&TrainConfig::schedule, &ScheduleConfig::lr_decay_iters>(
        "lr_decay_iters", Change::always, Integers{1, most_steps},
        "step at which the learning rate reaches min_lr")
        .following("max_iters",
                   [](TrainConfig& c) { c.schedule.lr_decay_iters = c.max_iters > 0 ? c.max_iters : 1; }),
    key<&TrainConfig::schedule, &ScheduleConfig::warmup_iters>(
        "warmup_iters", Change::always, Integers{0, most_steps}, "steps of linear warm-up")
        .following("lr_decay_iters / 20, at most 100",
                   [](TrainConfig& c) {
                     const int64_t part = c.schedule.lr_decay_iters / 20;
                     c.schedule.warmup_iters = part < 100 ? part : 100;
                   }),
    key<&TrainConfig::schedule, &ScheduleConfig::min_lr>("min_lr", Change::always, Reals{0, 1e6},
                                                         "learning rate at the end of the decay")
        .following("learning_rate / 10",
                   [](TrainConfig& c) { c.schedule.min_lr = c.schedule.learning_rate / 10; }),
    key<&TrainConfig::optimizer, &OptimizerConfig::weight_decay>(
        "weight_decay", Change::always, Reals{0, 1e3},
        "weight decay of matrices; biases, norms and vectors are never decayed"),
    key<&TrainConfig::optimizer, &OptimizerConfig::beta1>(
        "beta1", Change::always, Reals{.most = 1, .most_excluded = true},
        "decay rate of the first moment; the momentum of sgd"),
    key<&TrainConfig::optimizer, &OptimizerConfig::beta2>(
        "beta2", Change::always, Reals{.most = 1, .most_excluded = true}, "decay rate of the second moment"),
    key<&TrainConfig::optimizer, &OptimizerConfig::grad_clip>(
        "grad_clip", Change::always, Reals{},
        "largest global norm of the gradient; larger gradients are scaled down (0: no "
        "clipping)"),
    key<&TrainConfig::optimizer, &OptimizerConfig::stochastic_rounding>(
        "stochastic_rounding", Change::always,
        "with dtype=bf16, round matrices to bf16 stochastically: up or down at random, "
        "unbiased"),
    key<&TrainConfig::recompute>(
        "recompute", Change::always,
        "keep only the input of each block and recompute the block in the backward pass: "
        "less memory, more time"),
    key<&TrainConfig::seed>("seed", Change::new_run,
                            Integers{0, (int64_t{1} << 53) - 1},  // exact in JSON, TOML
                            "random seed; the same seed gives the same bits with any number of threads"),
    key<&TrainConfig::dtype>(
        "dtype", Change::new_run, Choices{"f32|f64|bf16"},
        "element type to compute in; bf16 is mixed precision: bf16 products, float32 weights"),
};

/// Every key of a run on preferences, besides the others.
inline constexpr Key<TrainConfig> preference_keys[] = {
    key<&TrainConfig::preference, &PreferenceConfig::beta>(
        "beta", Change::new_run, Reals{.least_excluded = true},
        "how strongly the model is held to the one it starts from: its change of log probabilities counts "
        "beta times"),
    key<&TrainConfig::preference, &PreferenceConfig::label_smoothing>(
        "label_smoothing", Change::new_run, Reals{.most = 0.5, .most_excluded = true},
        "probability that chosen and rejected are the wrong way round in a row"),
};

/// Every key that controls when a run is evaluated, saved, sampled and stopped.
inline constexpr Key<TrainConfig> watching_keys[] = {
    key<&TrainConfig::eval_interval>("eval_interval", Change::always, Integers{1, most_steps},
                                     "steps between validations and checkpoints"),
    key<&TrainConfig::eval_iters>("eval_iters", Change::always, Integers{1, most_steps},
                                  "batches per validation during training"),
    key<&TrainConfig::log_interval>("log_interval", Change::always, Integers{1, most_steps},
                                    "steps between lines of metrics.jsonl"),
    key<&TrainConfig::log_grad_norms>(
        "log_grad_norms", Change::always,
        "at every validation, write the gradient norm of each block to metrics.jsonl: does it vanish or "
        "explode with depth?"),
    key<&TrainConfig::log_update_ratios>(
        "log_update_ratios", Change::always,
        "at every validation, do a step, write the norm of its update of each block relative to that of the weights to "
        "metrics.jsonl, and undo it; takes the time of a step and a copy of weights and moments"),
    key<&TrainConfig::always_save_checkpoint>("always_save_checkpoint", Change::always,
                                              "save at every validation; false: only when the loss improves"),
    key<&TrainConfig::keep>("keep", Change::always, Integers{1, 1'000'000},
                            "number of checkpoints to keep besides the best"),
    key<&TrainConfig::patience>("patience", Change::always, Integers{0, 1'000'000'000},
                                "stop after this many validations without improvement (0: never)"),
    key<&TrainConfig::max_time>("max_time", Change::always, Reals{0, 1e9},
                                "save and stop after this many seconds (0: no limit)"),
    key<&TrainConfig::check_interval>("check_interval", Change::always, Integers{1, most_steps},
                                      "steps after which several processes compare checksums of their parameters, to find "
                                      "memory that went bad")
        .following("eval_interval", [](TrainConfig& c) { c.check_interval = c.eval_interval; }),
    key<&TrainConfig::sample_interval>(
        "sample_interval", Change::always, Integers{0, most_steps},
        "steps between samples written to the run; the first is written before training (0: "
        "none)"),
};

/// The learning rate of step `step`, counted from 0. The warm-up reaches `learning_rate` after `warmup_iters`
/// steps and is never zero.
double learning_rate_at(const ScheduleConfig& schedule, int64_t step);

}  // namespace hewn
