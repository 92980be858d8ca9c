#include "train/scores/classes/confusion.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace hewn {
namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

void Confusion::add(size_t truth, size_t predicted) {
  require(truth < labels_ && predicted < labels_, "labels ", truth, " and ", predicted,
          " were counted; expected numbers below ", labels_);
  ++counts_[truth * labels_ + predicted];
}

int64_t Confusion::rows() const { return std::accumulate(counts_.begin(), counts_.end(), int64_t{0}); }

int64_t Confusion::hits() const {
  int64_t sum = 0;
  for (size_t label = 0; label < labels_; ++label) sum += count(label, label);
  return sum;
}

double Confusion::accuracy() const { return ratio(static_cast<double>(hits()), static_cast<double>(rows())); }

ClassScore Confusion::score(size_t label) const {
  ClassScore score;
  for (size_t other = 0; other < labels_; ++other) {
    score.rows += count(label, other);
    score.predicted += count(other, label);
  }
  const auto right = static_cast<double>(count(label, label));
  score.precision = ratio(right, static_cast<double>(score.predicted));
  score.recall = ratio(right, static_cast<double>(score.rows));
  score.f1 = ratio(2 * right, static_cast<double>(score.rows + score.predicted));
  return score;
}

double Confusion::macro_f1() const {
  double sum = 0;
  int64_t present = 0;
  for (size_t label = 0; label < labels_; ++label) {
    const ClassScore one = score(label);
    if (one.rows + one.predicted == 0) continue;
    sum += one.f1;
    ++present;
  }
  return ratio(sum, static_cast<double>(present));
}

// (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
Bounds wilson_interval(int64_t hits, int64_t count) {
  if (count == 0) return {0, 1};
  constexpr double z = 1.959963984540054;  // the 97.5% quantile of the normal distribution
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(hits) / n, whole = 1 + z * z / n;
  const double centre = (p + z * z / (2 * n)) / whole;
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / whole;
  return {hits == 0 ? 0 : std::max(0.0, centre - half), hits == count ? 1 : std::min(1.0, centre + half)};
}

}  // namespace hewn
