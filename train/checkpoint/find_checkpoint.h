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

/// Directories with the name of a checkpoint but without a MANIFEST, oldest first. A checkpoint gets its name when it is
/// complete, so they have been damaged.
std::vector<CheckpointInfo> incomplete_checkpoints(const std::string& run);

/// Which files of a checkpoint are compared with the checksums in its MANIFEST: those that hold its model, or all. The
/// moments of the optimizer are twice as large as the model, and only training reads them.
enum class Compared : uint8_t { model, all };

/// Compares the files of a checkpoint with its MANIFEST, the size of each in any case, and its name with its step.
/// Returns "" or the damage: "model.safetensors has 10 bytes; expected 20".
std::string checkpoint_damage(const std::string& path, Compared compared = Compared::all);

/// A checkpoint that is being read: no training removes it while this object lives.
struct HeldCheckpoint {
  std::string path;    ///< of its directory, not of a link to it
  std::string remark;  ///< why it is not the one that was asked for: "... has no MANIFEST, ..."; or ""
  DirectoryInUse use;
};

/// The checkpoint directory meant by a path: a checkpoint itself, or a run's `last` or `best`, or the newest one if there
/// is no such link. `which` "" means the checkpoint that commands read: `best` of a run with a task.json, which learns
/// from a few rows many times and is best before it knows them by heart; `last` of all others. Its files, and those of
/// the run that it depends on, are compared with its MANIFEST. Throws ErrorCode::input if there is none or one is
/// damaged; the message then names the newest other checkpoint that is complete.
HeldCheckpoint hold_checkpoint(const std::string& run_or_checkpoint, const std::string& which = "",
                               Compared compared = Compared::model);

/// The path of the same checkpoint, which another process may remove at any time.
std::string find_checkpoint(const std::string& run_or_checkpoint, const std::string& which = "");

/// Removes all checkpoints but the newest `keep`, the best one and those that are being read, and unfinished files of a
/// killed process. Returns "" or why some remain, which harms nothing but the space they take: the next call tries again.
std::string prune_checkpoints(const std::string& run, int64_t keep);

}  // namespace hewn
