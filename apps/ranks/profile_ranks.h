#pragma once
// hewn train --profile with several ranks: the time of each rank by kernel.

#include <nlohmann/json.hpp>
#include <string>

#include "model/json.h"
#include "train/inspect/profile.h"
#include "train/ranks/ranks.h"

namespace hewn::cli {

/// The measurements of all ranks for the same steps, by rank; all ranks must call it. [{"host",
/// "ms_per_step", "waited_ms", "bytes_sent", "kernels": [{"op", "rung", "ms"}]}], all per step; `traffic` is
/// that of the profiled steps.
Json gather_profiles(Ranks& ranks, const StepProfile& profile, const Traffic& traffic);

/// The same as a table: the ranks side by side, or for many ranks the fastest, the median and the slowest
/// time of each kernel.
std::string rank_profile_table(const Json& ranks);

}  // namespace hewn::cli
