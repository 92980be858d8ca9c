#pragma once
// The division of a host's cores among its ranks.

#include "train/ranks/ranks.h"

namespace hewn::cli {

/// Binds this rank to its own cores: divides the available cores among the ranks of the host, unless a
/// launcher has already bound them to separate ones. With more ranks than cores, some share one. All ranks
/// must call it before a device is opened.
void take_own_cores(Ranks& ranks);

}  // namespace hewn::cli
