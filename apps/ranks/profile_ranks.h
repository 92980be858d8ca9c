#pragma once
// hewn train --profile with several ranks: where the time of each goes.

#include <nlohmann/json.hpp>
#include <string>

#include "model/json.h"
#include "train/inspect/profile.h"
#include "train/ranks/ranks.h"

namespace hewn::cli {

/// What each rank has measured of the same steps, by rank; must be called by all of them. [{"host", "ms_per_step",
/// "waited_ms", "bytes_sent", "kernels": [{"op", "rung", "ms"}]}], all per step; `traffic` is that of the profiled steps.
Json gather_profiles(Ranks& ranks, const StepProfile& profile, const Traffic& traffic);

/// The same as a table: the ranks side by side, or if they are many, the fastest, the median and the slowest time of each
/// kernel.
std::string rank_profile_table(const Json& ranks);

}  // namespace hewn::cli
