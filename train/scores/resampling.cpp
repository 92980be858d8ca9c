#include "train/scores/resampling.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/rng.h"

namespace hewn {
namespace {

/// Figures row by row in one array, since every sample reads all of them in another order.
class Figures {
 public:
  explicit Figures(const RowFigures& rows) : rows_(rows.size()), columns_(rows[0].size()) {
    for (const auto& row : rows) {
      require(row.size() == columns_, "rows with ", columns_, " and ", row.size(),
              " figures; expected the same number in all rows");
      values_.insert(values_.end(), row.begin(), row.end());
    }
  }

  size_t rows() const { return rows_; }
  std::vector<double> no_sums() const { return std::vector<double>(columns_); }
  void add(size_t row, std::vector<double>& sums) const {
    const double* const figures = values_.data() + row * columns_;
    double* const sum = sums.data();
    for (size_t i = 0; i < columns_; ++i) sum[i] += figures[i];
  }
  double metric_of(const MetricOf& metric, const std::vector<double>& sums) const {
    return metric(sums, static_cast<double>(rows_));
  }
  /// The metric of all rows.
  double whole(const MetricOf& metric) const {
    std::vector<double> sums = no_sums();
    for (size_t row = 0; row < rows_; ++row) add(row, sums);
    return metric_of(metric, sums);
  }

 private:
  size_t rows_, columns_;
  std::vector<double> values_;
};

/// Calls `row(index)` for each row of a sample.
template <class Each>
void draw_rows(size_t rows, Rng& random, Each row) {
  for (size_t i = 0; i < rows; ++i) row(static_cast<size_t>(random.below(rows)));
}

/// The metric of a sample of as many rows.
double sampled(const Figures& figures, const MetricOf& metric, Rng& random) {
  std::vector<double> sums = figures.no_sums();
  draw_rows(figures.rows(), random, [&](size_t row) { figures.add(row, sums); });
  return figures.metric_of(metric, sums);
}

/// The q-quantile of sorted values, linear between neighbours (type 7 of Hyndman and Fan 1996).
double quantile(const std::vector<double>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

/// `value`, and percentiles of `sample(random)` over all samples.
template <class Sample>
Interval percentiles(double value, const Bootstrap& options, Sample sample) {
  require(options.samples >= 1, "bootstrap with ", options.samples, " samples; expected 1 or more");
  std::vector<double> values;
  for (int64_t i = 0; i < options.samples; ++i) {
    Rng random(options.seed, static_cast<uint64_t>(i));
    values.push_back(sample(random));
  }
  std::sort(values.begin(), values.end());
  return {value, quantile(values, 0.025), quantile(values, 0.975)};
}

}  // namespace

double mean_of_rows(std::span<const double> sums, double rows) { return sums[0] / rows; }

Interval bootstrapped(const RowFigures& rows, const MetricOf& metric, const Bootstrap& options) {
  require(!rows.empty(), "a bootstrap interval needs at least one row");
  const Figures figures(rows);
  return percentiles(figures.whole(metric), options,
                     [&](Rng& random) { return sampled(figures, metric, random); });
}

Interval bootstrapped_difference(const RowFigures& a, const RowFigures& b, const MetricOf& metric,
                                 const Bootstrap& options) {
  require(!a.empty() && a.size() == b.size(), "paired bootstrap of ", a.size(), " and ", b.size(),
          " rows; expected the same number of both");
  const Figures first(a), second(b);
  return percentiles(second.whole(metric) - first.whole(metric), options, [&](Rng& random) {
    std::vector<double> of_first = first.no_sums(), of_second = second.no_sums();
    draw_rows(first.rows(), random, [&](size_t row) {
      first.add(row, of_first);
      second.add(row, of_second);
    });
    return second.metric_of(metric, of_second) - first.metric_of(metric, of_first);
  });
}

Interval bootstrapped_mean(std::span<const RowFigures> tasks, const Bootstrap& options) {
  require(!tasks.empty(), "a mean over tasks needs at least one task");
  std::vector<Figures> figures(tasks.begin(), tasks.end());
  const auto mean = [&](auto value) {
    double sum = 0;
    for (const Figures& task : figures) sum += value(task);
    return sum / static_cast<double>(figures.size());
  };
  return percentiles(mean([](const Figures& task) { return task.whole(mean_of_rows); }), options,
                     [&](Rng& random) {
                       return mean([&](const Figures& task) { return sampled(task, mean_of_rows, random); });
                     });
}

double mcnemar(int64_t only_a, int64_t only_b) {
  require(only_a >= 0 && only_b >= 0, "McNemar's test of ", only_a, " and ", only_b, " rows");
  // 2 sum over k <= min(a, b) of (n choose k) / 2^n, in logarithms, since 2^n overflows
  const auto n = static_cast<double>(only_a + only_b), least = static_cast<double>(std::min(only_a, only_b));
  double p = 0;
  for (double k = 0; k <= least; ++k)
    p += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * std::log(2.0));
  return std::min(1.0, 2 * p);
}

}  // namespace hewn
