#pragma once
// RUN/reference.safetensors: the log probabilities of all answers under the reference model (docs/formats.md), which
// cannot be computed again after the first step.

#include <string>

#include "train/tasks/preference/pairs.h"

namespace hewn {

inline constexpr const char* reference_file = "reference.safetensors";

/// The pairs of a run.
struct PairSides {
  std::vector<PreferencePair> train, val, test;
};

/// Writes `PreferencePair::reference` of all pairs atomically, as float32 if that is exact, with checksums of
/// the values and of the pairs' tokens.
void write_reference(const std::string& path, const PairSides& sides);

/// Reads it back, the same bits. Throws ErrorCode::input if the file is damaged, or was written for other
/// pairs.
void read_reference(const std::string& path, PairSides& sides);

}  // namespace hewn
