#pragma once
// Checkpoints: RUN/checkpoints/step-001000/{model.safetensors, optimizer.safetensors, state.json,
// config.toml, MANIFEST}; with train = lora an adapter instead of the model, see adapted.h; find_checkpoint.h
// finds them.
//
// A checkpoint is written into a directory with a temporary name and its files are synced, MANIFEST (sizes
// and checksums) last; then the directory is renamed. A directory with the final name is therefore always
// complete, and the previous one remains until then.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/io/file.h"
#include "train/step/trainer.h"

namespace hewn {

/// The model that an adapter changes.
struct BaseModel {
  std::string path;
  uint64_t hash = 0;  ///< hash of its weights (`hash_of_weights`); 0: none
};

/// The state of a run besides weights and moments. Random numbers and batches are counter-based, so step and
/// seed determine them.
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
  double seconds = 0;   ///< of training so far
  int64_t tokens = 0;   ///< targets trained on so far
  BaseModel base = {};  ///< base model of an adapted run
  /// Tokens from this id on are not in the weights from which the run started; 0: none.
  int64_t first_new_token = 0;
};

/// A state as the JSON of a checkpoint's state.json, and the inverse. Throws ErrorCode::input for malformed
/// JSON.
std::string to_json(const RunState& state);
RunState run_state_from_json(const std::string& json);

/// Writes checkpoint `state.step` of the run directory, points `last` at it and `best` at that of
/// `state.best_step`. Returns its path. With several ranks, all call it: rank 0 writes the same bytes as a
/// single process, and the others return when the checkpoint is complete. Throws ErrorCode::failed on rank 0
/// (for example, disk full); earlier checkpoints stay unchanged.
std::string save_checkpoint(const std::string& run, const RunState& state, Trainer& trainer);

/// Writes a checkpoint of a model from another program: `write_weights(path)` writes the weights file. There
/// are no moments, so the run can be sampled, evaluated and used as a start, but not resumed.
std::string save_imported(const std::string& run, const RunState& state,
                          const std::function<FileSum(const std::string& path)>& write_weights);

/// Points `last` and `best` at the checkpoints of `state.step` and `state.best_step`, if they exist. A
/// process killed directly after saving a checkpoint has not done so; resuming the run repeats it.
void point_links(const std::string& run, const RunState& state);

/// The model's configuration and the run's state, as stored in a checkpoint.
ModelConfig checkpoint_config(const std::string& path);
RunState checkpoint_state(const std::string& path);

/// Size and checksum of a checkpoint's weights, or of its adapter's, from its MANIFEST.
FileSum checkpoint_weights(const std::string& path);

/// The first tensor of weights or moments that differs between two checkpoints, or the file that only one of
/// them has; "" if they are equal. Throws ErrorCode::input.
std::string first_different_tensor(const std::string& checkpoint, const std::string& other);

/// Opens a checkpoint's model for reading only, like `open_weights`; an adapter is merged into the weights of
/// its base model, at `base` unless that is "".
std::unique_ptr<Model> open_checkpoint(const std::string& path, Device& device, DType dtype,
                                       const std::string& base = {});

/// Restores weights, merged ones if the checkpoint holds an adapter; with a trainer also moments and step,
/// without merging an adapter. A model with a shorter context takes the first positions. With several ranks
/// (not necessarily as many as wrote the checkpoint), all call it: rank 0 reads the files and sends the
/// others their parts. Throws ErrorCode::input for any mismatch; on rank 0 before it has sent anything.
void load_checkpoint(const std::string& path, Model& model, const std::string& base = {});
void load_checkpoint(const std::string& path, Trainer& trainer, const std::string& base = {});

}  // namespace hewn
