#pragma once
// Runs training from the current step to its end: steps, evaluations, checkpoints.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/run_directory.h"
#include "train/data/data.h"
#include "train/eval.h"
#include "train/inspect/profile.h"
#include "train/ranks/ranks.h"

namespace hewn {

/// The state of training after a step, for the progress line.
struct Progress {
  StepResult step;
  int64_t max_iters = 0;
  std::optional<double> val_loss;  ///< of the latest evaluation
  std::vector<Metric> metrics;     ///< other metrics of this process's latest evaluation
  double tokens_per_s = 0;         ///< targets per second; for a classifier, with one target per text, texts
  bool counts_texts = false;       ///< whether the rate counts texts
  /// Model FLOPs utilisation: the fraction of the device's peak that the model's matrix products reach, if known.
  std::optional<double> mfu;
  double seconds_left = 0;  ///< until max_iters or max_time, at the current pace
  int64_t next_save = 0;    ///< the step after which the next checkpoint is written
};

/// Callbacks of the loop; each may be empty.
struct LoopEvents {
  std::function<void(const Progress&)> on_step;
  std::function<void(const std::string&)> on_message;  ///< "step 250: val loss 2.43, saved ..."
  /// After each evaluation, its checkpoint and message.
  std::function<void(const RunState&, const std::vector<Metric>&)> on_evaluated;
  std::function<void(int64_t step)> on_sample;  ///< every sample_interval steps, from step 0 on
  /// Called after each step and during validations; true stops (Ctrl-C) and drops a running validation.
  Stop should_stop;
  double peak_tokens_per_s = 0;    ///< at the device's peak, for `Progress::mfu`; 0: unknown
  StepProfile* profile = nullptr;  ///< measures every step except the first two, which warm up caches and
                                   ///< pools
  Traffic* profiled_traffic = nullptr;  ///< receives the message costs of those steps; null: not recorded
};

enum class StopReason : uint8_t { max_iters, max_time, patience, asked };

struct Outcome {
  StopReason reason = StopReason::max_iters;
  RunState state;
  std::string checkpoint;  ///< path of the last checkpoint written; "" if there is none
};

/// Rewinds the metrics to `state` and trains from there on the batches of `source`, validating with `validate`,
/// which may be empty. A resumed run gives the same bits as one without interruption. Throws
/// ErrorCode::numerical at the first step with a loss or gradients that are not finite, naming the step, the
/// first bad node and the last good checkpoint. Also throws it, and saves nothing, for parameters or a
/// validation loss that are not finite. Other errors between two steps, such as those of `check_mapped_files`
/// and `keep_reserve`, are thrown after saving the last completed step.
///
/// With several ranks, all call this with their own trainers. Only rank 0 has the run's directory and the
/// `on_...` events; `should_stop` must return the same on all ranks. After an error of one rank, nothing is
/// saved.
Outcome run_training(RunDirectory* run, const TrainConfig& config, Trainer& trainer,
                     const BatchSource& source, const Validator& validate, RunState state,
                     const LoopEvents& events);

/// The loader of the training batches of a run on text.
BatchLoader training_loader(const Dataset& data, const TrainConfig& config, int64_t stride = 0,
                            bool epochs = false);

}  // namespace hewn
