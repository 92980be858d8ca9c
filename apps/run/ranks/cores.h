#pragma once
// The division of a host's cores among its ranks.

#include <memory>

#include "apps/cli/settings.h"
#include "kernels/devices/devices.h"
#include "train/ranks/ranks.h"

namespace hewn::cli {

/// Binds this rank to its own cores: divides the available cores among the ranks of the host, unless a
/// launcher has already bound them to separate ones. With more ranks than cores, some share one. All ranks
/// must call it before a device is opened.
void take_own_cores(Ranks& ranks);

// The devices of ranks.

/// The device selected by the settings; with several ranks on a host, each takes the GPU with its number on
/// this host. Throws usage on all ranks, naming both, if two have the same GPU. All ranks must call it.
std::unique_ptr<Executor> open_device(const Settings& settings, Ranks* ranks);

/// Uses NCCL for tensors between the ranks' GPUs, if all ranks are on CUDA GPUs and have NCCL: the system's,
/// or the file named by HEWN_NCCL. Otherwise rank 0 prints what is missing, and tensors go through host
/// memory. All ranks must call it.
void use_nccl(Ranks& ranks, Executor& device);

}  // namespace hewn::cli
