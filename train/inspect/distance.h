#pragma once
// How far two tensors are apart.

#include <vector>

namespace hewn {

/// |other - reference| / |reference| by norm. NaN and infinities equal only themselves; infinite where they differ. Where
/// the reference is nearly zero throughout, relative to 1e-6 per element.
double distance_by_norm(const std::vector<double>& other, const std::vector<double>& reference);

}  // namespace hewn
