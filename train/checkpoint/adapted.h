#pragma once
// Checkpoints that hold an adapter instead of weights: RUN/checkpoints/step-001000/{adapter_model.safetensors,
// adapter_config.json, optimizer.safetensors, state.json, config.toml, MANIFEST}. state.json names the base
// model, whose weights the adapter changes, and their hash.

#include <string>

#include "model/adapters/merged.h"
#include "train/checkpoint/checkpoint.h"

namespace hewn {

/// Whether a checkpoint holds an adapter.
bool is_adapted(const std::string& checkpoint);

/// Opens a run, a checkpoint, or a model of another program, with a context of at most `block_size` tokens
/// (0: its own). An adapted run gives the merged model. Throws ErrorCode::input.
ForeignModel open_base(const std::string& path, int64_t block_size);

/// The record of the base model in an adapted run: its absolute path and the hash of its weights.
BaseModel base_of(const std::string& path, int64_t block_size);

/// The base model of a checkpoint, at `moved_to` or, if that is "", at its recorded path. Throws
/// ErrorCode::input if it is missing or its weights differ.
ForeignModel base_model(const std::string& checkpoint, const std::string& moved_to);

/// A checkpoint's model with its tensors, merged if the checkpoint holds an adapter.
ForeignModel checkpoint_model(const std::string& checkpoint, const std::string& moved_to = {});

/// The model of a run, a checkpoint or another program with adapters merged into its weights. Each adapter
/// has a factor, and is the directory of an adapted run, one of its checkpoints, or PEFT's files. New tokens
/// in adapters are added, with their rows and tokenizer. Throws ErrorCode::input if an adapter was made for
/// another model (for PEFT's files, judged only by names and shapes), or if two adapters have different
/// tokens.
struct NamedAdapter {
  std::string path;
  double weight = 1;
};
ForeignModel with_adapters(const ForeignModel& base, const std::vector<NamedAdapter>& adapters);

}  // namespace hewn
