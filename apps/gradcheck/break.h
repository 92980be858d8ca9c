#pragma once
// hewn gradcheck --break: makes classic mistakes in the backward pass and shows which checks notice them.

#include <vector>

#include "apps/gradcheck/subject.h"

namespace hewn::cli {

/// Makes the mistakes listed in the key `break`, one after the other, and prints for each the finding of the
/// gradient check and the course of training. Returns 0 if every mistake was noticed.
int run_breaks(const Settings& settings, const Subject& subject, const std::vector<Batch>& batches);

}  // namespace hewn::cli
