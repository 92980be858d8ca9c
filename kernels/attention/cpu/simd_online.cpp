#include "kernels/attention/abi.h"
#include "kernels/attention/cpu/row.h"
#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_math.h"

namespace hewn {
namespace {

/// to = shrink * to + sum_j weight[j] rows[j]
void add_rows(vf weight, const In& rows, int64_t n, int64_t D, float shrink, float* to) {
  float weights[W];
  store(weights, weight);
  for (int64_t d = 0; d < D; d += W) {
    const int64_t lanes = smaller(W, D - d);
    vf sum = load_part(to + d, lanes) * shrink;
    if (lanes == W)
      for (int64_t j = 0; j < n; ++j) sum = fma(set1(weights[j]), load(rows[j] + d), sum);
    else
      for (int64_t j = 0; j < n; ++j) sum = fma(set1(weights[j]), load_part(rows[j] + d, lanes), sum);
    store_part(to + d, sum, lanes);
  }
}

/// to[j] += weight[j] * row for n rows
void add_outer(vf weight, const float* row, int64_t n, int64_t D, float* to) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t d = 0; d < D; d += W) {
      const int64_t lanes = smaller(W, D - d);
      float* at = to + j * D + d;
      store_part(at, fma(set1(weight[j]), load_part(row + d, lanes), load_part(at, lanes)), lanes);
    }
  }
}

/// Query i of head bh: y accumulates exp(score - running maximum) v and is rescaled whenever
/// the maximum grows.
void forward_row(const AttentionForward& a, int64_t bh, int64_t i, float* y) {
  const In q = head_of(a, a.q, bh), k = kv_head(a, a.k, kv_of(a, bh)), v = kv_head(a, a.v, kv_of(a, bh));
  const Queries row = queries(a, bh, i);
  float most = -infinity;
  vf sum{};
  for (int64_t d = 0; d < a.D; ++d) y[d] = 0;
  RowFactors factors{a, bh, i, row.first_key(), nullptr, {}};
  for (int64_t key = row.first_key(); key < row.visible; key += W) {
    const int64_t n = smaller(W, row.visible - key);
    vf s = dots(q[i], {k[key], k.row}, n, a.D) * static_cast<float>(a.scale);
    s = lane_index() < static_cast<int32_t>(n) ? s : set1(-infinity);
    const float largest = max_lanes(s), before = most;
    most = largest > most ? largest : most;
    // While all scores are -inf, use 0 instead: -inf - -inf would be NaN.
    const float base = most == -infinity ? 0 : most;
    const float shrink = before == most ? 1 : exp(set1(before - base))[0];
    vf p = exp(s - base);
    sum = sum * shrink + p;
    if (a.dropout > 0) p *= factors(key);
    add_rows(p, {v[key], v.row}, n, a.D, shrink, y);
  }
  const float total = sum_lanes(sum);
  for (int64_t d = 0; d < a.D; ++d) y[d] *= 1 / total;
  write_row(head_of(a, a.y, bh)[i], y, a.D, Write::set);
  static_cast<float*>(a.lse)[bh * a.Tq + i] = most + log(set1(total))[0];
}

/// Query i of head bh: recomputes its probabilities and adds its shares to dk and dv, [Tk][D].
void backward_row(const AttentionBackward& a, int64_t bh, int64_t i, float* dq, float* dk, float* dv) {
  const float* q = head_of(a, a.q, bh)[i];
  const float* dy = head_of(a, a.dy, bh)[i];
  const In k = kv_head(a, a.k, kv_of(a, bh)), v = kv_head(a, a.v, kv_of(a, bh));
  const Queries row = queries(a, bh, i);
  const float lse = static_cast<const float*>(a.lse)[bh * a.Tq + i], scale = static_cast<float>(a.scale);
  const float delta = dot(dy, head_of(a, a.y, bh)[i], a.D);
  for (int64_t d = 0; d < a.D; ++d) dq[d] = 0;
  RowFactors factors{a, bh, i, row.first_key(), nullptr, {}};
  for (int64_t key = row.first_key(); key < row.visible; key += W) {
    const int64_t n = smaller(W, row.visible - key);
    const vf p = exp(dots(q, {k[key], k.row}, n, a.D) * scale - lse);
    vf dp = dots(dy, {v[key], v.row}, n, a.D), dropped = p;
    if (a.dropout > 0) {
      const vf keep = factors(key);
      dp *= keep;
      dropped *= keep;
    }
    const vf ds = p * (dp - delta) * scale;
    add_outer(dropped, dy, n, a.D, dv + key * a.D);
    add_outer(ds, q, n, a.D, dk + key * a.D);
    add_rows(ds, {k[key], k.row}, n, a.D, 1, dq);
  }
  write_row(head_of(a, a.dq, bh)[i], dq, a.D, a.to_dq);
}

}  // namespace

// One pass. The naive rung writes a T x T matrix and reads it twice, long after it has left the cache. But
// rows are independent, and even within a row no score needs to be stored: the sums are relative to the
// largest score so far and are rescaled by exp(before - now) whenever it grows (Milakov and Gimelshein, 2018,
// algorithm 3). W keys are processed at a time, and their values are added immediately; a query needs D + 2
// numbers, however long the context is.
template <>
void kernel<"online", Isa::HEWN_ISA>(const Launch& launch, const AttentionForward& a) {
  parallel_for(launch, a.B * a.H * a.Tq, [&](int64_t begin, int64_t end, int worker) {
    float* y = Scratch(launch, worker).take(a.D);
    for (int64_t row = begin; row < end; ++row) forward_row(a, row / a.Tq, row % a.Tq, y);
  });
}

// The same for the backward pass. Given lse, a probability can be recomputed from its score, so W keys at a
// time contribute their shares of dq, dk and dv, and no probability is stored.
template <>
void kernel<"online", Isa::HEWN_ISA>(const Launch& launch, const AttentionBackward& a) {
  const int64_t group = a.H / a.Hkv;
  parallel_for(launch, a.B * a.Hkv, [&](int64_t begin, int64_t end, int worker) {
    Scratch scratch(launch, worker);
    float *dq = scratch.take(a.D), *dk = scratch.take(a.Tk * a.D), *dv = scratch.take(a.Tk * a.D);
    for (int64_t kv = begin; kv < end; ++kv) {
      __builtin_memset(dk, 0, static_cast<size_t>(a.Tk * a.D) * sizeof(float));
      __builtin_memset(dv, 0, static_cast<size_t>(a.Tk * a.D) * sizeof(float));
      for (int64_t bh = kv * group; bh < (kv + 1) * group; ++bh)
        for (int64_t i = 0; i < a.Tq; ++i) backward_row(a, bh, i, dq, dk, dv);
      for (int64_t j = 0; j < a.Tk; ++j) {
        write_row(kv_head(a, a.dk, kv)[j], dk + j * a.D, a.D, a.to_dk);
        write_row(kv_head(a, a.dv, kv)[j], dv + j * a.D, a.D, a.to_dv);
      }
    }
  });
}

}  // namespace hewn
