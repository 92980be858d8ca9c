#include "train/scores/classes/minimize.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

namespace hewn {
namespace {

using Vector = std::vector<double>;
using Function = std::function<double(const Vector&, Vector&)>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// y += a x
void add_scaled(Vector& y, double a, const Vector& x) {
  for (size_t i = 0; i < y.size(); ++i) y[i] += a * x[i];
}

double largest(const Vector& v) {
  double most = 0;
  for (const double value : v) most = std::max(most, std::abs(value));
  return most;
}

/// The steps s and changes of the gradient y of the latest iterations, which approximate the inverse Hessian.
class History {
 public:
  void add(Vector s, Vector y) {
    const double sy = dot(s, y);
    if (!(sy > std::numeric_limits<double>::epsilon() * dot(y, y))) return;  // no curvature to learn from
    if (pairs_.size() == most) pairs_.pop_front();
    pairs_.push_back({std::move(s), std::move(y), 1 / sy});
  }

  /// -H g, by the two loops of algorithm 7.4.
  Vector direction(const Vector& gradient) const {
    Vector d = gradient;
    std::vector<double> alpha(pairs_.size());
    for (size_t i = pairs_.size(); i-- > 0;) {
      alpha[i] = pairs_[i].rho * dot(pairs_[i].s, d);
      add_scaled(d, -alpha[i], pairs_[i].y);
    }
    double scale = -1 / std::max(1.0, std::sqrt(dot(gradient, gradient)));
    if (!pairs_.empty()) scale = -1 / (pairs_.back().rho * dot(pairs_.back().y, pairs_.back().y));
    for (double& value : d) value *= scale;
    for (size_t i = 0; i < pairs_.size(); ++i) {
      const double beta = pairs_[i].rho * dot(pairs_[i].y, d);
      add_scaled(d, -alpha[i] - beta, pairs_[i].s);
    }
    return d;
  }

 private:
  struct Pair {
    Vector s, y;
    double rho;
  };
  static constexpr size_t most = 10;
  std::deque<Pair> pairs_;
};

/// A point along a direction.
struct Point {
  double step = 0, value = 0, slope = 0;
};

/// Finds a step with sufficient decrease and a flatter slope by bisection, which always ends for a function that is
/// bounded below. Leaves x and gradient there.
class LineSearch {
 public:
  LineSearch(const Function& f, const Vector& from, const Vector& direction)
      : f_(f), from_(from), direction_(direction) {}

  /// Whether such a step was found; else x and gradient are undefined.
  bool search(const Point& start, Vector& x, Vector& gradient, Point& found) {
    double low = 0, high = std::numeric_limits<double>::infinity(), step = 1;
    for (int trial = 0; trial < 60; ++trial) {
      found = at(step, x, gradient);
      if (!(found.value <= start.value + 1e-4 * step * start.slope))
        high = step;
      else if (found.slope < 0.9 * start.slope)
        low = step;
      else
        return true;
      step = std::isinf(high) ? 2 * step : (low + high) / 2;
    }
    return found.value < start.value;
  }

 private:
  Point at(double step, Vector& x, Vector& gradient) const {
    x = from_;
    add_scaled(x, step, direction_);
    const double value = f_(x, gradient);
    return {step, value, dot(gradient, direction_)};
  }

  const Function& f_;
  const Vector &from_, &direction_;
};

}  // namespace

int64_t minimize(Vector& x, const Function& f, double tolerance, int64_t most_iterations) {
  History history;
  Vector gradient(x.size()), next(x.size()), next_gradient(x.size());
  double value = f(x, gradient);
  for (int64_t iteration = 0; iteration < most_iterations; ++iteration) {
    if (largest(gradient) <= tolerance) return iteration;
    const Vector direction = history.direction(gradient);
    const Point start{0, value, dot(gradient, direction)};
    Point found;
    if (!LineSearch(f, x, direction).search(start, next, next_gradient, found)) return iteration;
    Vector s = next, y = next_gradient;
    add_scaled(s, -1, x);
    add_scaled(y, -1, gradient);
    history.add(std::move(s), std::move(y));
    x.swap(next);
    gradient.swap(next_gradient);
    value = found.value;
  }
  return most_iterations;
}

}  // namespace hewn
