#include "train/inspect/trace/summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"

namespace hewn {
namespace {

constexpr int histogram_bins = 24;
constexpr int64_t block = 1 << 14;  // elements that are summed together, whatever the number of threads
constexpr int lanes = 8;  // independent sums within a block, so that none waits for the previous addition

/// What one pass over some elements finds.
struct Extent {
  double least = std::numeric_limits<double>::infinity(), most = -least, sum = 0;
  int64_t zeros = 0, finite = 0;

  void add(double v) {
    const bool counts = std::abs(v) <= std::numeric_limits<double>::max();  // false for NaN too
    least = counts && v < least ? v : least;
    most = counts && v > most ? v : most;
    sum += counts ? v : 0;
    zeros += v == 0;
    finite += counts;
  }
  void add(const Extent& other) {
    least = std::min(least, other.least);
    most = std::max(most, other.most);
    sum += other.sum;
    zeros += other.zeros;
    finite += other.finite;
  }
};

/// What another pass finds, which knows the first one's results.
struct Spread {
  double squares = 0;
  std::array<int64_t, histogram_bins + 1> counts{};  // the last one is for elements that are not finite

  void add(const Spread& other) {
    squares += other.squares;
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  }
};

template <class T>
Extent extent_of(const T* x, int64_t n) {
  std::array<Extent, lanes> partial;
  for (int64_t i = 0; i < n; ++i) partial[static_cast<size_t>(i % lanes)].add(static_cast<double>(x[i]));
  for (size_t i = 1; i < lanes; ++i) partial[0].add(partial[i]);
  return partial[0];
}

template <class T>
Spread spread_of(const T* x, int64_t n, const TensorSummary& s) {
  const double width = (s.most - s.least) / histogram_bins, bins_per_unit = width > 0 ? 1 / width : 0;
  std::array<Spread, lanes> partial;
  for (int64_t i = 0; i < n; ++i) {
    const auto v = static_cast<double>(x[i]);
    const bool counts = std::abs(v) <= std::numeric_limits<double>::max();
    const double bin = (v - s.least) * bins_per_unit;  // NaN if the range overflows
    Spread& lane = partial[static_cast<size_t>(i % lanes)];
    lane.squares += counts ? (v - s.mean) * (v - s.mean) : 0;
    const int at = !counts                ? histogram_bins
                   : bin < histogram_bins ? static_cast<int>(bin)
                                          : histogram_bins - 1;
    ++lane.counts[static_cast<size_t>(at)];
  }
  for (size_t i = 1; i < lanes; ++i) partial[0].add(partial[i]);
  return partial[0];
}

/// Adds what `find(values, n)` returns for each block, in the order of the blocks.
template <class Found, class T, class Find>
Found over_blocks(const T* x, int64_t n, int threads, const Find& find) {
  std::vector<Found> found(static_cast<size_t>(blocks_of(n, block)));
  parallel_for(Launch{.threads = threads}, std::ssize(found), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i)
      found[static_cast<size_t>(i)] = find(x + i * block, std::min(block, n - i * block));
  });
  Found all;
  for (const Found& one : found) all.add(one);
  return all;
}

template <class T>
void add_values(TensorSummary& s, const T* x, int threads, int64_t most_values) {
  const int64_t n = s.shape.numel();
  if (n <= most_values) s.values.assign(x, x + n);
  const auto extent = over_blocks<Extent>(x, n, threads, extent_of<T>);
  s.zeros = extent.zeros;
  s.not_finite = n - extent.finite;
  if (extent.finite == 0) return;
  s.least = extent.least;
  s.most = extent.most;
  s.mean = extent.sum / static_cast<double>(extent.finite);
  const auto spread = over_blocks<Spread>(
      x, n, threads, [&](const T* values, int64_t count) { return spread_of(values, count, s); });
  s.deviation = std::sqrt(spread.squares / static_cast<double>(extent.finite));
  s.histogram.assign(spread.counts.begin(), spread.counts.end() - 1);
}

}  // namespace

TensorSummary summarise(const Tensor& t, int64_t most_values) {
  TensorSummary s{.shape = t.shape(), .dtype = t.dtype()};
  const int threads = executor(t.device()).threads();
  const bool here = t.is_contiguous() && t.device().kind() == Device::Kind::cpu;
  const auto add = [&](const auto* values) { add_values(s, values, threads, most_values); };
  if (t.dtype() == DType::f32)  // in place if possible, and without a copy as double: parameters are large
    here ? add(t.ptr<float>()) : add(t.values<float>().data());
  else if (here && t.dtype() == DType::f64)
    add(t.ptr<double>());
  else
    add(t.doubles().data());
  return s;
}

}  // namespace hewn
