#pragma once
// Detects faulty memory or processors: ranks whose parameters differ from the others'.

#include <string>

#include "model/parameters.h"
#include "train/ranks/ranks.h"

namespace hewn {

/// A checksum, 16 digits, of the values of all parameters, including frozen ones; with `as_sent`, of the bf16
/// copies of those that ranks send as copies (`ValueExchange`).
std::string checksum_of(const Parameters& parameters, bool as_sent = false);

/// Compares checksums of the values of all parameters, including frozen ones. All ranks call it, in step
/// number `step`. If the update is `divided`, each rank updating its own slices, compares the bf16 copies of
/// parameters that are sent as such. Throws failed on every rank if checksums differ, naming the ranks and
/// hosts outside the majority, or all of them if there is no majority.
void require_same_parameters(const Parameters& parameters, Ranks& ranks, int64_t step, bool divided = false);

}  // namespace hewn
