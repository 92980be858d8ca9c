#pragma once
// Finds, checks and removes the checkpoints of a run (checkpoint.h).

#include <cstdint>
#include <string>
#include <vector>

#include "core/io/directory.h"

namespace hewn {

/// A checkpoint on disk.
struct CheckpointInfo {
  std::string path;
  int64_t step = 0;
};

/// Checkpoints of a run that have a MANIFEST, oldest first. Reads no files.
std::vector<CheckpointInfo> list_checkpoints(const std::string& run);

/// Directories with the name of a checkpoint but without a MANIFEST, oldest first. A checkpoint gets its name
/// when it is complete, so these are damaged.
std::vector<CheckpointInfo> incomplete_checkpoints(const std::string& run);

/// The files of a checkpoint to compare with the checksums in its MANIFEST: those of its model, or all. The
/// moments of the optimizer are twice as large as the model, and only training reads them.
enum class Compared : uint8_t { model, all };

/// Compares the files of a checkpoint with its MANIFEST (sizes always, checksums by `compared`), and its name
/// with its step. Returns "" or the damage: "model.safetensors has 10 bytes; expected 20".
std::string checkpoint_damage(const std::string& path, Compared compared = Compared::all);

/// A checkpoint that is being read: no training run removes it while this object lives.
struct HeldCheckpoint {
  std::string path;    ///< of its directory, not of a link to it
  std::string remark;  ///< why it is not the requested one: "... has no MANIFEST, ..."; or ""
  DirectoryInUse use;
};

/// Resolves a path to a checkpoint directory: a checkpoint itself, a run's `last` or `best`, or the newest
/// one if there is no such link. `which` "" means the checkpoint that commands read: `best` for a run with a
/// task.json, which repeats a few rows many times and soon overfits; `last` for all others. Its files, and
/// the run's files that it depends on, are compared with its MANIFEST. Throws ErrorCode::input if it is
/// missing or damaged; the message names the newest other complete checkpoint.
HeldCheckpoint hold_checkpoint(const std::string& run_or_checkpoint, const std::string& which = "",
                               Compared compared = Compared::model);

/// The path of the same checkpoint, which another process may remove at any time.
std::string find_checkpoint(const std::string& run_or_checkpoint, const std::string& which = "");

/// Removes unfinished files of killed processes, and all checkpoints except the newest `keep`, the best one
/// and those being read. Returns "" or why some remain; they only take space, and the next call tries again.
std::string prune_checkpoints(const std::string& run, int64_t keep);

}  // namespace hewn
