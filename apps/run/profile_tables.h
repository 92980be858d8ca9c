#pragma once
// A profile of training steps as text.

#include <string>

#include "train/inspect/profile.h"

namespace hewn::cli {

/// Two tables, by kernel and by part of the model, and the time outside kernels; per step.
std::string profile_tables(const StepProfile& profile);

/// The share of the steps' time outside kernels (tape, allocator, threads), in percent.
double outside_kernels_percent(const StepProfile& profile);

}  // namespace hewn::cli
