#pragma once
// The devices of ranks.

#include <memory>

#include "apps/cli/settings.h"
#include "kernels/devices/devices.h"
#include "train/ranks/ranks.h"

namespace hewn::cli {

/// The device selected by the settings; of several ranks on a host, each has the GPU of its number on this host. Throws
/// usage on all of them, naming both, if two have the same. All ranks must call it.
std::unique_ptr<Executor> open_device(const Settings& settings, Ranks* ranks);

/// Has the ranks' tensors travel from GPU to GPU by NCCL, if all of them are on CUDA's GPUs and have it: the system's, or
/// the file that HEWN_NCCL names. Else rank 0 prints what is missing, and the way through the memory of the hosts remains.
/// All ranks must call it.
void use_nccl(Ranks& ranks, Executor& device);

}  // namespace hewn::cli
