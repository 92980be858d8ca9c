#pragma once
// How certain a score is: bootstrap intervals (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter
// 13; Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation", for pairs of systems), and
// McNemar's exact test.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace hewn {

/// A value with its 95% interval.
struct Interval {
  double value = 0, low = 0, high = 0;
};

/// The numbers that each row adds to a metric, all rows of the same length: correct or not, or counts of n-grams.
using RowFigures = std::vector<std::vector<double>>;

/// The value of a metric from the sums of its figures over all rows and the number of rows.
using MetricOf = std::function<double(std::span<const double> sums, double rows)>;

/// The mean of the first figure.
double mean_of_rows(std::span<const double> sums, double rows);

struct Bootstrap {
  uint64_t seed = 1;
  int64_t samples = 1000;
};

/// A metric over rows (at least one), with the 2.5th and 97.5th percentile of its values over samples of the
/// same number of rows, drawn with replacement. Sample i depends on seed, i and the number of rows only.
Interval bootstrapped(const RowFigures& rows, const MetricOf& metric, const Bootstrap& options = {});

/// The metric of `b` minus that of `a`, two systems that scored the same rows: every sample draws the same
/// rows of both.
Interval bootstrapped_difference(const RowFigures& a, const RowFigures& b, const MetricOf& metric,
                                 const Bootstrap& options = {});

/// The mean over tasks of the mean of each task's first figure. Every sample draws rows within each task.
Interval bootstrapped_mean(std::span<const RowFigures> tasks, const Bootstrap& options = {});

/// McNemar's exact test: the probability, if both systems were equally good, of at least this imbalance between the
/// `only_a` rows that only the first one got right and the `only_b` rows that only the second one did. Two-sided
/// binomial, at most 1.
double mcnemar(int64_t only_a, int64_t only_b);

}  // namespace hewn
