#pragma once
// Checkpoints: RUN/checkpoints/step-001000/{model.safetensors, optimizer.safetensors, state.json, MANIFEST}.
//
// One is written into a directory with a temporary name, its files synced, MANIFEST (sizes and checksums)
// last, and then renamed. So a directory of its final name is whole whatever happened, and the one before
// stays until then.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train/checkpoint/manifest.h"
#include "train/trainer.h"

namespace hewn {

/// What a run has to remember besides weights and moments. Random numbers and batches are counter-based, so
/// that step and seed say where they stand.
struct RunState {
  int64_t step = 0;  ///< steps done
  uint64_t seed = 0;
  uint64_t tokenizer_hash = 0;  ///< 0: none
  uint64_t data_hash = 0;
  int64_t evaluated_step = -1;          ///< of the latest evaluation
  std::optional<double> val_loss;       ///< of the latest evaluation
  std::optional<double> best_val_loss;  ///< smallest so far
  int64_t best_step = -1;
  int64_t evals_without_better = 0;
  double seconds = 0;  ///< of training so far
  int64_t tokens = 0;  ///< targets trained on so far
};

/// A checkpoint found on disk.
struct CheckpointInfo {
  std::string path;
  int64_t step = 0;
};

/// Writes checkpoint `state.step` of the run directory, points `last` at it and `best` at the one of
/// `state.best_step`. Returns its path. Throws ErrorCode::failed (disk full ...); then the earlier
/// checkpoints are as they were.
std::string save_checkpoint(const std::string& run, const RunState& state, Trainer& trainer);

/// The same of a model from elsewhere: `write_weights(path)` writes the weights file; there are no moments,
/// so that the run can be sampled, evaluated and begun from, but not gone on with.
std::string save_imported(const std::string& run, const RunState& state,
                          const std::function<FileSum(const std::string& path)>& write_weights);

/// Points `last` and `best` at the checkpoints of `state.step` and `state.best_step` that exist. A process
/// killed right after it saved one did not get as far, so whoever resumes does it again.
void point_links(const std::string& run, const RunState& state);

/// Checkpoints of a run that have a MANIFEST, oldest first. Nothing is read yet.
std::vector<CheckpointInfo> list_checkpoints(const std::string& run);

/// Compares all files with the MANIFEST, in short or byte by byte. "" or what is wrong: "model.safetensors
/// has 10 bytes, 20 were written".
std::string checkpoint_damage(const std::string& path, Manifest::Look look = Manifest::Look::whole);

/// The directory a user means: a checkpoint itself, or a run's `last`, `best` or newest. Checked against its
/// MANIFEST. Throws ErrorCode::input when there is none or it is damaged, then naming the newest of the
/// others that is whole.
std::string find_checkpoint(const std::string& run_or_checkpoint, const std::string& which = "last",
                            Manifest::Look look = Manifest::Look::whole);

/// What a checkpoint says of itself: its model and where the run stood.
ModelConfig checkpoint_config(const std::string& path);
RunState checkpoint_state(const std::string& path);

/// A checkpoint's model, to be read only: its weights are mapped. As `open_weights`.
std::unique_ptr<Model> open_checkpoint(const std::string& path, Device& device, DType dtype);

/// Restores weights; with a trainer also moments and step. A model with a shorter context takes the first
/// positions. Throws ErrorCode::input when something does not
/// fit.
void load_checkpoint(const std::string& path, Model& model);
void load_checkpoint(const std::string& path, Trainer& trainer);

/// Removes all but the newest `keep` checkpoints and the best one, and what a killed process left
/// half-written.
void prune_checkpoints(const std::string& run, int64_t keep);

}  // namespace hewn
