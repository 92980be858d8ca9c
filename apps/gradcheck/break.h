#pragma once
// hewn gradcheck --break: makes classic mistakes in the backward pass and shows who notices.

#include <vector>

#include "apps/gradcheck/subject.h"

namespace hewn::cli {

/// Makes the mistakes listed in the key `break`, one after the other, and prints what the gradient check finds and how
/// training goes with each. Returns 0 if each was noticed.
int run_breaks(const Settings& settings, const Subject& subject, const std::vector<Batch>& batches);

}  // namespace hewn::cli
