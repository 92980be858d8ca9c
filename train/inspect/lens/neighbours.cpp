#include "train/inspect/lens/neighbours.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace hewn {
namespace {

constexpr double least = 1e-12;      // of a similarity
constexpr double exaggeration = 12;  // of similarities in the first iterations
constexpr int exaggerated_iterations = 250;
constexpr double first_spread = 1e-4;  // standard deviation of the first coordinates

// Squared distances of all pairs of points.
std::vector<double> distances_of(const Points& points) {
  std::vector<double> all(points.n * points.n);
  for (size_t i = 0; i < points.n; ++i)
    for (size_t j = 0; j < i; ++j) {
      double sum = 0;
      for (size_t d = 0; d < points.dims; ++d) {
        const double difference = points.values[i * points.dims + d] - points.values[j * points.dims + d];
        sum += difference * difference;
      }
      all[i * points.n + j] = all[j * points.n + i] = sum;
    }
  return all;
}

// Row i of conditional similarities, with the precision that gives it this entropy, found by bisection.
void fill_row(const double* distances, double* row, size_t n, size_t i, double entropy) {
  double nearest = HUGE_VAL;
  for (size_t j = 0; j < n; ++j)
    if (j != i) nearest = std::min(nearest, distances[j]);
  double precision = 1, low = 0, high = HUGE_VAL;
  for (int step = 0; step < 200; ++step) {
    double sum = 0, weighted = 0;
    for (size_t j = 0; j < n; ++j) {
      const double excess = distances[j] - nearest;
      row[j] = j == i ? 0 : std::exp(-precision * excess);
      sum += row[j], weighted += row[j] * excess;
    }
    const double is = std::log(sum) + precision * weighted / sum;
    for (size_t j = 0; j < n; ++j) row[j] /= sum;
    if (std::fabs(is - entropy) < 1e-9) return;
    (is > entropy ? low : high) = precision;
    precision = std::isinf(high) ? 2 * precision : (low + high) / 2;
  }
}

/// The points on the plane, and how they move.
struct Plane {
  size_t n;
  std::vector<double> y, velocity, gain, slope, affinity;  // affinity: 1 / (1 + squared distance), [n, n]
  double affinities = 0;                                   // their sum over all pairs

  explicit Plane(const Points& points)
      : n(points.n), velocity(2 * n), gain(2 * n, 1.0), slope(2 * n), affinity(n * n) {
    const Components start = principal_components(points, 2);
    y.assign(2 * n, 0);
    double squares = 0;
    for (size_t i = 0; i < n; ++i) squares += start.coordinates[i * start.k] * start.coordinates[i * start.k];
    const double scale = squares > 0 ? first_spread / std::sqrt(squares / static_cast<double>(n)) : 0;
    for (size_t i = 0; i < n; ++i)
      for (size_t c = 0; c < start.k; ++c) y[2 * i + c] = scale * start.coordinates[i * start.k + c];
  }

  void find_affinities() {
    affinities = 0;
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < i; ++j) {
        const double dx = y[2 * i] - y[2 * j], dy = y[2 * i + 1] - y[2 * j + 1];
        const double a = 1 / (1 + dx * dx + dy * dy);
        affinity[i * n + j] = a;
        affinities += 2 * a;
      }
  }

  // dKL/dy_i = 4 sum_j (p_ij - q_ij) a_ij (y_i - y_j), q_ij = a_ij / sum a (equation 5).
  void find_slopes(const std::vector<double>& p, double factor) {
    find_affinities();
    std::fill(slope.begin(), slope.end(), 0.0);
    const double share = 1 / affinities;
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < i; ++j) {
        const double a = affinity[i * n + j];
        const double pull = 4 * (factor * p[i * n + j] - std::max(a * share, least)) * a;
        for (size_t c = 0; c < 2; ++c) {
          const double force = pull * (y[2 * i + c] - y[2 * j + c]);
          slope[2 * i + c] += force, slope[2 * j + c] -= force;
        }
      }
  }

  // A step with momentum and a gain for each coordinate (Jacobs, 1988), as in the authors' program.
  void move(double rate, double momentum) {
    for (size_t i = 0; i < 2 * n; ++i) {
      const bool turns = velocity[i] * slope[i] < 0;  // the slope still points against the motion: it goes on
      gain[i] = std::max(turns ? gain[i] + 0.2 : gain[i] * 0.8, 0.01);
      velocity[i] = momentum * velocity[i] - rate * gain[i] * slope[i];
      y[i] += velocity[i];
    }
  }

  double divergence(const std::vector<double>& p) {
    find_affinities();
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < i; ++j)
        sum += 2 * p[i * n + j] * std::log(p[i * n + j] / std::max(affinity[i * n + j] / affinities, least));
    return sum;
  }
};

}  // namespace

std::vector<double> similarities_of(const Points& points, double perplexity) {
  const size_t n = points.n;
  const std::vector<double> distances = distances_of(points);
  std::vector<double> rows(n * n), p(n * n);
  for (size_t i = 0; i < n; ++i) fill_row(&distances[i * n], &rows[i * n], n, i, std::log(perplexity));
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      if (i != j)
        p[i * n + j] = std::max((rows[i * n + j] + rows[j * n + i]) / (2 * static_cast<double>(n)), least);
  return p;
}

Neighbours neighbours_on_plane(const Points& points, double perplexity, int iterations) {
  require(points.n >= 5, "t-SNE: ", points.n, " points; expected at least 5");
  const auto n = static_cast<double>(points.n);
  perplexity = std::min(perplexity, (n - 1) / 3);
  const std::vector<double> p = similarities_of(points, perplexity);
  Plane plane(points);
  const double rate = std::max(n / exaggeration / 4, 50.0);  // Belkina et al., 2019
  for (int i = 0; i < iterations; ++i) {
    const bool early = i < exaggerated_iterations;
    plane.find_slopes(p, early ? exaggeration : 1);
    plane.move(rate, early ? 0.5 : 0.8);
  }
  return {.coordinates = plane.y,
          .divergence = plane.divergence(p),
          .perplexity = perplexity,
          .iterations = iterations};
}

}  // namespace hewn
