#pragma once
// The division of a host's cores among its ranks.

#include "train/ranks/ranks.h"

namespace hewn::cli {

/// Gives this rank cores of its own: the cores that it may use are divided among the ranks of the same host, unless a
/// launcher has bound them to different ones already. With more ranks than cores, some share one. Must be called by all
/// ranks, before a device is opened.
void take_own_cores(Ranks& ranks);

}  // namespace hewn::cli
