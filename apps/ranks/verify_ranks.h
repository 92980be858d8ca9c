#pragma once
// hewn verify --ranks: checks for the same bits with any number of processes.

#include "apps/cli/settings.h"
#include "train/config.h"

namespace hewn::cli {

/// Trains a model with each number of processes in the key `ranks`, as `hewn train` does, and compares the
/// checkpoints with that of the first number; with `resume`, every run also switches to the next number
/// halfway. Prints the first tensor that differs. Returns the exit status. Throws usage for numbers that
/// cannot share the micro-steps and, before it trains, for more processes than the host has GPUs.
int verify_ranks(Settings settings, const ModelConfig& model);

}  // namespace hewn::cli
