#pragma once
// The distance between two tensors.

#include <vector>

namespace hewn {

/// |other - reference| / |reference| by norm. NaN and infinities equal only themselves; otherwise the
/// distance is infinite. If the reference is nearly zero throughout, relative to 1e-6 per element.
double distance_by_norm(const std::vector<double>& other, const std::vector<double>& reference);

}  // namespace hewn
