#include "train/inspect/lens/components.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/rng.h"

namespace hewn {
namespace {

constexpr size_t more_directions = 10;  // beyond those wanted: they make the iteration converge fast
constexpr int most_iterations = 2000;
constexpr double converged = 1e-11;  // residual, relative to the largest eigenvalue

using Columns = std::vector<std::vector<double>>;

double inner(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// The points less their mean.
std::vector<double> centred(const Points& points) {
  std::vector<double> x(points.values.begin(), points.values.end());
  for (size_t d = 0; d < points.dims; ++d) {
    double mean = 0;
    for (size_t i = 0; i < points.n; ++i) mean += x[i * points.dims + d];
    mean /= static_cast<double>(points.n);
    for (size_t i = 0; i < points.n; ++i) x[i * points.dims + d] -= mean;
  }
  return x;
}

// The products of all pairs of rows of x [rows, columns] or, if `of_columns`, of all pairs of columns.
std::vector<double> gram(const std::vector<double>& x, size_t rows, size_t columns, bool of_columns) {
  const size_t m = of_columns ? columns : rows;
  std::vector<double> g(m * m);
  if (of_columns) {
    for (size_t r = 0; r < rows; ++r)
      for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < m; ++j) g[i * m + j] += x[r * columns + i] * x[r * columns + j];
    return g;
  }
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (size_t c = 0; c < columns; ++c) sum += x[i * columns + c] * x[j * columns + c];
      g[i * m + j] = g[j * m + i] = sum;
    }
  return g;
}

// Makes columns orthonormal, by Gram and Schmidt's method applied twice. One that depends on the others becomes zero.
void orthonormalise(Columns& q) {
  for (size_t i = 0; i < q.size(); ++i) {
    const double before = std::sqrt(inner(q[i], q[i]));
    for (int pass = 0; pass < 2; ++pass)
      for (size_t j = 0; j < i; ++j) {
        const double along = inner(q[i], q[j]);
        for (size_t r = 0; r < q[i].size(); ++r) q[i][r] -= along * q[j][r];
      }
    const double norm = std::sqrt(inner(q[i], q[i]));
    const double factor = norm > 1e-12 * before ? 1 / norm : 0;
    for (double& v : q[i]) v *= factor;
  }
}

// The eigenvalues of a symmetric matrix, largest first, and its eigenvectors as columns, by Jacobi's rotations.
void small_eigen(std::vector<double> a, size_t n, std::vector<double>& values, Columns& vectors) {
  std::vector<double> v(n * n);
  for (size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0, all = 0;
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j)
        all += a[i * n + j] * a[i * n + j], off += i != j ? a[i * n + j] * a[i * n + j] : 0;
    if (!(off > 1e-30 * all)) break;
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) {
        if (a[p * n + q] == 0) continue;
        const double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
        const double t = std::copysign(1.0, theta) / (std::fabs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        for (size_t k = 0; k < n; ++k) {
          const double x = a[k * n + p], y = a[k * n + q];
          a[k * n + p] = c * x - s * y, a[k * n + q] = s * x + c * y;
        }
        for (size_t k = 0; k < n; ++k) {
          const double x = a[p * n + k], y = a[q * n + k];
          a[p * n + k] = c * x - s * y, a[q * n + k] = s * x + c * y;
        }
        for (size_t k = 0; k < n; ++k) {
          const double x = v[k * n + p], y = v[k * n + q];
          v[k * n + p] = c * x - s * y, v[k * n + q] = s * x + c * y;
        }
      }
  }
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t i, size_t j) { return a[i * n + i] > a[j * n + j]; });
  values.clear(), vectors.assign(n, std::vector<double>(n));
  for (size_t k = 0; k < n; ++k) {
    values.push_back(a[order[k] * n + order[k]]);
    for (size_t i = 0; i < n; ++i) vectors[k][i] = v[i * n + order[k]];
  }
}

// The sums of `columns` weighted by each of the columns of `weights`.
Columns mixed(const Columns& columns, const Columns& weights) {
  Columns out(weights.size(), std::vector<double>(columns[0].size()));
  for (size_t k = 0; k < weights.size(); ++k)
    for (size_t j = 0; j < columns.size(); ++j)
      for (size_t r = 0; r < out[k].size(); ++r) out[k][r] += weights[k][j] * columns[j][r];
  return out;
}

// The largest eigenvalues of a symmetric matrix g [m, m], and their vectors: subspace iteration with a small eigenvalue
// problem in each step (Rayleigh and Ritz; Saad, Numerical methods for large eigenvalue problems, 2nd ed., 5.2).
Columns largest_eigen(const std::vector<double>& g, size_t m, size_t k, std::vector<double>& values) {
  Rng random(1);
  Columns q(std::min(m, k + more_directions), std::vector<double>(m));
  for (auto& column : q)
    for (double& v : column) v = random.normal();
  orthonormalise(q);
  for (int iteration = 1;; ++iteration) {
    Columns z(q.size(), std::vector<double>(m));
    for (size_t c = 0; c < q.size(); ++c)
      for (size_t i = 0; i < m; ++i)
        z[c][i] =
            std::inner_product(q[c].begin(), q[c].end(), g.begin() + static_cast<std::ptrdiff_t>(i * m), 0.0);
    std::vector<double> small(q.size() * q.size());
    for (size_t i = 0; i < q.size(); ++i)
      for (size_t j = 0; j < q.size(); ++j)
        small[i * q.size() + j] = (inner(q[i], z[j]) + inner(q[j], z[i])) / 2;
    Columns rotation;
    small_eigen(small, q.size(), values, rotation);
    const Columns vectors = mixed(q, rotation);
    Columns images = mixed(z, rotation);
    double residual = 0;
    for (size_t c = 0; c < k; ++c)
      for (size_t i = 0; i < m; ++i)
        residual = std::max(residual, std::fabs(images[c][i] - values[c] * vectors[c][i]));
    if (residual <= converged * std::max(values[0], 1e-300) || iteration == most_iterations) return vectors;
    q = std::move(images);
    orthonormalise(q);
  }
}

}  // namespace

Components principal_components(const Points& points, size_t k) {
  const size_t n = points.n, dims = points.dims;
  k = std::min({k, n, dims});
  Components out{.coordinates = std::vector<double>(n * k), .explained = {}, .k = k};
  if (k == 0) return out;
  const std::vector<double> x = centred(points);
  const double total = inner(x, x);
  const bool of_columns = dims < n;
  std::vector<double> values;
  const Columns vectors = largest_eigen(gram(x, n, dims, of_columns), of_columns ? dims : n, k, values);
  for (size_t c = 0; c < k; ++c) {
    size_t largest = 0;
    for (size_t i = 0; i < n; ++i) {
      double along = 0;
      if (of_columns)
        for (size_t d = 0; d < dims; ++d) along += x[i * dims + d] * vectors[c][d];
      else
        along = vectors[c][i] * std::sqrt(std::max(values[c], 0.0));
      out.coordinates[i * k + c] = along;
      if (std::fabs(along) > std::fabs(out.coordinates[largest * k + c])) largest = i;
    }
    if (out.coordinates[largest * k + c] < 0)
      for (size_t i = 0; i < n; ++i) out.coordinates[i * k + c] = -out.coordinates[i * k + c];
    out.explained.push_back(total > 0 ? std::max(values[c], 0.0) / total : 0);
  }
  return out;
}

}  // namespace hewn
