#pragma once
// The start of a training run by several ranks.

#include "apps/cli/settings.h"
#include "apps/run/train_start.h"
#include "kernels/devices/devices.h"
#include "train/config.h"
#include "train/ranks/ranks.h"

namespace hewn::cli {

/// Throws usage if the micro-steps of a step, or their groups, cannot be divided among this many ranks.
void check_division(const Settings& settings, int64_t micro_steps, int64_t shards, int64_t ranks);

/// Sets grad_shards to the number of ranks, unless it is given. Throws usage if the micro-steps, or their
/// groups, cannot be divided among the ranks.
void divide_micro_steps(Settings& settings, int64_t ranks);

/// Sends the settings and the start of rank 0, the only rank that needs access to run files, to all ranks,
/// and divides the micro-steps among them; a resumed run keeps its grad_shards.
void share_start(Settings& settings, TrainStart& start, Ranks& ranks);

/// Throws usage, naming ranks and values, if the ranks differ in anything that affects the bits of the
/// result.
void require_agreement(Ranks& ranks, const TrainConfig& config, Executor& device, uint64_t data_hash);

/// The same for ranks that evaluate a model together.
void require_agreement(Ranks& ranks, const Model& model, uint64_t data_hash);

/// Prints host, device and threads of each rank. Must be called by all.
void say_ranks(Ranks& ranks, Executor& device);

}  // namespace hewn::cli
