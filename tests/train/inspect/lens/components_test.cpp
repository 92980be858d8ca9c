#include "train/inspect/lens/components.h"

#include <cmath>

#include "core/rng.h"
#include "tests/support/close.h"
#include "tests/train/inspect/lens/python.h"

namespace hewn::test {
namespace {

std::vector<double> random_points(size_t n, size_t dims, uint64_t seed) {
  Rng random(seed);
  std::vector<double> points;
  for (size_t i = 0; i < n; ++i)
    for (size_t d = 0; d < dims; ++d)
      points.push_back((2 * random.uniform_double() - 1) * std::pow(0.8, static_cast<double>(d)) +
                       static_cast<double>(d));
  return points;
}

}  // namespace

TEST_CASE("components: a cross turned by 30 degrees", "[lens]") {
  const double c = std::sqrt(3.0) / 2, s = 0.5;
  // (3, 0), (-3, 0), (0, 1), (0, -1), turned and moved by (10, -5)
  const std::vector<double> points{10 + 3 * c, -5 + 3 * s, 10 - 3 * c, -5 - 3 * s,
                                   10 - s,     -5 + c,     10 + s,     -5 - c};
  const Components found = principal_components({points, 4, 2}, 2);
  REQUIRE(found.k == 2);
  // Along the first, the longer bar; its first point is the largest, so it is positive.
  CHECK(close_abs(found.coordinates, std::vector<double>{3, 0, -3, 0, 0, 1, 0, -1}, 1e-9));
  CHECK(close_abs(found.explained, std::vector<double>{0.9, 0.1}, 1e-12));
}

TEST_CASE("components: points that are equal, few, or more dimensions than points", "[lens]") {
  const std::vector<double> same(12, 7.0);
  CHECK(close_abs(principal_components({same, 4, 3}, 2).coordinates, std::vector<double>(8, 0.0), 1e-12));
  const std::vector<double> two{0, 0, 0, 2, 0, 0};
  const Components found = principal_components({two, 2, 3}, 2);
  CHECK(found.k == 2);
  CHECK(near(std::fabs(found.coordinates[0]), 1));
  CHECK(near(found.explained[0], 1));
  CHECK(principal_components({two, 2, 3}, 9).k == 2);
}

TEST_CASE("components: as numpy's singular values, up to signs", "[lens]") {
  if (!python_has("numpy")) return skip("python3 has no numpy");
  for (const auto& [n, dims] : {std::pair<size_t, size_t>{60, 7}, {20, 45}, {200, 64}}) {
    INFO(n << " points of " << dims << " numbers");
    const std::vector<double> points = random_points(n, dims, n);
    const Components found = principal_components({points, n, dims}, 2);
    const auto want = python_says(
        "import numpy as np\n"
        "x = np.array(data['points']).reshape(data['n'], -1)\n"
        "x = x - x.mean(0)\n"
        "u, s, _ = np.linalg.svd(x, full_matrices=False)\n"
        "print(json.dumps({'y': (u * s)[:, :2].T.tolist(), 'explained': (s ** 2 / (s ** "
        "2).sum())[:2].tolist()}))\n",
        {{"points", points}, {"n", n}});
    CHECK(close_abs(found.explained, want["explained"].get<std::vector<double>>(), 1e-9));
    for (size_t c = 0; c < 2; ++c) {
      std::vector<double> along, expected = want["y"][c];
      double sign = 0;
      for (size_t i = 0; i < n; ++i)
        along.push_back(found.coordinates[2 * i + c]), sign += along[i] * expected[i];
      if (sign < 0)
        for (double& v : expected) v = -v;
      CHECK(close_abs(along, expected, 1e-7));
    }
  }
}

}  // namespace hewn::test
