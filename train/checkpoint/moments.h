#pragma once
// The optimizer's moments in a checkpoint, optimizer.safetensors. With several ranks, only rank 0 accesses
// the file; the others send it their parts of the moments, or receive them. The file is the same for any
// number of ranks.

#include <string>

#include "model/weights/safetensors/safetensors.h"
#include "train/step/trainer.h"

namespace hewn {

/// Writes the moments of all ranks as they arrive, using extra memory for one part of a bucket. The other
/// ranks call `send_moments` at the same time. Throws ErrorCode::failed like `SafetensorsWriter`.
FileSum save_moments(const std::string& path, const Trainer& trainer);
/// Sends the moments of this rank, not 0, to rank 0.
void send_moments(const Trainer& trainer);

/// Throws ErrorCode::input unless the file has all moments, with the right shapes and a floating-point type.
void check_moments(const SafetensorsFile& file, const Optimizer& optimizer);
/// Restores the moments of all ranks from a file that `check_moments` accepts. Ranks other than 0 pass null.
void load_moments(const SafetensorsFile* file, const Trainer& trainer);

}  // namespace hewn
