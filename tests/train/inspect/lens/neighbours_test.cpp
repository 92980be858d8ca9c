#include "train/inspect/lens/neighbours.h"

#include <cmath>

#include "core/rng.h"
#include "tests/support/close.h"
#include "tests/train/inspect/lens/python.h"

namespace hewn::test {
namespace {

// Points around `groups` centres.
std::vector<double> clusters(size_t n, size_t dims, size_t groups) {
  Rng random(5);
  std::vector<double> centres, points;
  for (size_t i = 0; i < groups * dims; ++i) centres.push_back(6 * random.uniform_double() - 3);
  for (size_t i = 0; i < n; ++i)
    for (size_t d = 0; d < dims; ++d)
      points.push_back(centres[i % groups * dims + d] + 2 * random.uniform_double() - 1);
  return points;
}

}  // namespace

TEST_CASE("neighbours: similarities have the perplexity and sum to 1", "[lens]") {
  const size_t n = 40;
  const std::vector<double> points = clusters(n, 5, 3), p = similarities_of({points, n, 5}, 8);
  double sum = 0;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {
      sum += p[i * n + j];
      CHECK(p[i * n + j] == p[j * n + i]);
    }
  CHECK(near(sum, 1, 1e-9));
  // Of points at equal distances from each other, all pairs are equally similar, whatever the perplexity.
  const std::vector<double> corners{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  const std::vector<double> equal = similarities_of({corners, 4, 4}, 3);
  for (size_t i = 0; i < 16; ++i) CHECK(near(equal[i], i % 5 == 0 ? 0 : 1.0 / 12, 1e-12));
}

TEST_CASE("neighbours: points of a cluster stay together, and the same input gives the same bits", "[lens]") {
  const size_t n = 60, groups = 3;
  const std::vector<double> points = clusters(n, 10, groups);
  const Neighbours plane = neighbours_on_plane({points, n, 10}, 10, 500);
  CHECK(plane.coordinates == neighbours_on_plane({points, n, 10}, 10, 500).coordinates);
  size_t right = 0;
  for (size_t i = 0; i < n; ++i) {  // the nearest other point is of the same cluster
    size_t nearest = i;
    double best = HUGE_VAL;
    for (size_t j = 0; j < n; ++j) {
      const double d = std::hypot(plane.coordinates[2 * i] - plane.coordinates[2 * j],
                                  plane.coordinates[2 * i + 1] - plane.coordinates[2 * j + 1]);
      if (j != i && d < best) best = d, nearest = j;
    }
    right += nearest % groups == i % groups ? 1 : 0;
  }
  CHECK(right == n);
  CHECK(plane.divergence > 0);
  CHECK(near(neighbours_on_plane({points, n, 10}, 1000, 1).perplexity, 59.0 / 3));
  CHECK_THROWS(neighbours_on_plane({points, 4, 10}, 10, 10));
  const std::vector<double> same(50, 1.0);
  for (const double v : neighbours_on_plane({same, 10, 5}, 3, 100).coordinates) CHECK(std::isfinite(v));
}

TEST_CASE("neighbours: the divergence is within 5% of scikit-learn's exact method", "[lens]") {
  if (!python_has("sklearn")) return skip("python3 has no scikit-learn");
  const size_t n = 200, dims = 16;
  const std::vector<double> points = clusters(n, dims, 6);
  const double want = python_says(
      "import numpy as np\nfrom sklearn.manifold import TSNE\n"
      "x = np.array(data['points']).reshape(data['n'], -1)\n"
      "t = TSNE(method='exact', init='pca', perplexity=30, learning_rate='auto', random_state=0)\n"
      "t.fit(x)\nprint(json.dumps(float(t.kl_divergence_)))\n",
      {{"points", points}, {"n", n}});
  const double found = neighbours_on_plane({points, n, dims}).divergence;
  INFO("found " << found << ", scikit-learn " << want);
  CHECK(std::fabs(found - want) <= 0.05 * want);
}

}  // namespace hewn::test
