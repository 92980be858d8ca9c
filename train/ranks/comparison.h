#pragma once
// Finds memory or processors that went bad: ranks whose parameters are no longer those of the others.

#include <string>

#include "model/parameters.h"
#include "train/ranks/ranks.h"

namespace hewn {

/// 16 digits for the values of all parameters, also of those that do not train; if `as_sent`, for the bf16 copies of those
/// that ranks send as copies (`ValueExchange`).
std::string checksum_of(const Parameters& parameters, bool as_sent = false);

/// Compares checksums of the values of all parameters, also of those that do not train. All ranks call it, in
/// step number `step`. If they are `divided`, each rank updating its own slices, compares what all ranks have: of
/// parameters that are sent as bf16 copies, these. Throws failed on every rank if they differ, naming ranks and hosts: those that differ from more
/// than half of the ranks, or if no values are those of so many, all.
void require_same_parameters(const Parameters& parameters, Ranks& ranks, int64_t step, bool divided = false);

}  // namespace hewn
