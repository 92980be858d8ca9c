#include "kernels/attention/abi.h"
#include "kernels/attention/cpu/row.h"
#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_rows.h"

namespace hewn {
namespace {

/// to[0 .. V W) = factor sum_j weight[j] rows[j], kept in V registers over all n rows.
template <int V>
void weighted_sum(const float* weight, const In& rows, int64_t n, float factor, float* to) {
  vf sum[V]{};
  for (int64_t j = 0; j < n; ++j)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[v] = fma(set1(weight[j]), load(rows[j] + v * W), sum[v]);
  for (int v = 0; v < V; ++v) store(to + v * W, sum[v] * factor);
}

/// Query i of head bh; `score` has room for its scores [visible, rounded up to W].
void forward_row(const AttentionForward& a, int64_t bh, int64_t i, float* score) {
  const In q = head_of(a, a.q, bh), k = kv_head(a, a.k, kv_of(a, bh)), v = kv_head(a, a.v, kv_of(a, bh));
  const Queries row = queries(a, bh, i);
  const int64_t first = row.first_key(), n = row.visible - first;
  for (int64_t j = 0; j < n; j += W)
    store(score + j, dots(q[i], {k[first + j], k.row}, smaller(W, n - j), a.D) * static_cast<float>(a.scale));
  const float most = row_max(score, n), base = most == -infinity ? 0 : most;
  vf sum{};
  RowFactors factors{a, bh, i, first, nullptr, {}};
  for_lanes(0, n, [&](int64_t j, auto lanes) {
    const vf p = exp(load(score + j, lanes, -infinity) - base);
    sum += p;
    store(score + j, a.dropout > 0 ? p * factors(first + j) : p);
  });
  const float total = sum_lanes(sum);
  float* y = head_of(a, a.y, bh)[i];
  int64_t d = 0;
  for (; d + 4 * W <= a.D; d += 4 * W) weighted_sum<4>(score, {v[first] + d, v.row}, n, 1 / total, y + d);
  for (; d + W <= a.D; d += W) weighted_sum<1>(score, {v[first] + d, v.row}, n, 1 / total, y + d);
  if (d < a.D) {
    vf rest{};
    for (int64_t j = 0; j < n; ++j) rest = fma(set1(score[j]), load_part(v[first + j] + d, a.D - d), rest);
    store_part(y + d, rest * (1 / total), a.D - d);
  }
  static_cast<float*>(a.lse)[bh * a.Tq + i] = most + log(set1(total))[0];
}

}  // namespace

// A stored row. T scores of one query are a few kilobytes, which fit in the nearest cache. If they are stored
// there, the maximum is known before the first exponential, nothing has to be rescaled, and the values are
// added in one sweep in which 4 W elements of y stay in registers; the one-pass rung reads and writes y for
// every W keys.
template <>
void kernel<"rows", Isa::HEWN_ISA>(const Launch& launch, const AttentionForward& a) {
  parallel_for(launch, a.B * a.H * a.Tq, [&](int64_t begin, int64_t end, int worker) {
    float* score = Scratch(launch, worker).take(rounded_up(a.Tk, W));
    for (int64_t row = begin; row < end; ++row) forward_row(a, row / a.Tq, row % a.Tq, score);
  });
}

}  // namespace hewn
