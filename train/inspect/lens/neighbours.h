#pragma once
// t-SNE: a map of points to a plane that keeps neighbours close (van der Maaten and Hinton, "Visualizing data
// using t-SNE", 2008).

#include <vector>

#include "train/inspect/lens/components.h"

namespace hewn {

struct Neighbours {
  std::vector<double> coordinates;  ///< [n, 2]
  double divergence = 0;            ///< Kullback-Leibler divergence of the similarities, in nats
  double perplexity = 0;            ///< as used
  int iterations = 0;
};

/// The exact method, without approximation: time and memory grow with n². Begins with the first two principal
/// components, so there is no randomness. `perplexity` is the effective number of neighbours, limited to (n -
/// 1) / 3. At least 5 finite points.
Neighbours neighbours_on_plane(const Points& points, double perplexity = 30, int iterations = 1000);

/// Similarities of all pairs of points [n, n], symmetric, with the sum 1: normal densities around each point whose
/// entropy is ln(perplexity).
std::vector<double> similarities_of(const Points& points, double perplexity);

}  // namespace hewn
