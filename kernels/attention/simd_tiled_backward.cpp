#include "kernels/attention/simd.h"
#include "kernels/attention/tile.h"
#include "kernels/parallel.h"
#include "kernels/vec_math.h"
#include "kernels/vec_philox.h"

namespace hewn {
namespace {

/// What a worker needs besides the operands. Rows of `D` are padded to whole vectors, `width` long.
struct Workspace {
  int64_t width;
  float *q, *dy;            ///< [D][query_block]; q scaled
  float *q_rows, *dy_rows;  ///< [query_block][width]
  float *lse, *delta;       ///< [query_block]
  float *p, *ds;            ///< [key_block][query_block]
  float* dq;                ///< [D][query_block]
  float *dk, *dv;           ///< [Tk][width]
};

/// Rows padded with zeros.
void copy_rows(const In& from, int64_t n, int64_t D, float* to, int64_t width) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t d = 0; d < width; d += W)
      store(to + i * width + d, load_part(from[i] + d, smaller(W, D - d)));
}

float dot(const float* a, const float* b, int64_t n) {
  vf sum{};
  for (int64_t d = 0; d < n; d += W) {
    const int64_t lanes = smaller(W, n - d);
    sum = fma(load_part(a + d, lanes), load_part(b + d, lanes), sum);
  }
  return sum_lanes(sum);
}

/// Brings n queries, from `first` on, into the workspace.
void load_queries(const AttentionBackward& a, int64_t bh, int64_t first, int64_t n, const Workspace& w) {
  const In q = head_of(a, a.q, bh), y = head_of(a, a.y, bh), dy = head_of(a, a.dy, bh);
  const In q_block{q[first], q.row}, dy_block{dy[first], dy.row};
  transpose_in(q_block, n, a.D, static_cast<float>(a.scale), w.q);
  transpose_in(dy_block, n, a.D, 1, w.dy);
  copy_rows(q_block, n, a.D, w.q_rows, w.width);
  copy_rows(dy_block, n, a.D, w.dy_rows, w.width);
  const float* lse = static_cast<const float*>(a.lse) + bh * a.Tq + first;
  for (int64_t i = 0; i < query_block; ++i) {
    w.lse[i] = i < n ? lse[i] : __builtin_inff();  // probability 0 in absent lanes
    w.delta[i] = i < n ? dot(dy_block[i], y[first + i], a.D) : 0;
  }
}

/// From scores and dp = dy . v of n keys, `key` the first of them: p := dropped probabilities, ds :=
/// gradients of q . k. The first query sees `visible` keys.
void probabilities(const AttentionBackward& a, int64_t bh, int64_t first, int64_t visible, int64_t key,
                   int64_t n, const Workspace& w) {
  const DropoutMask mask(a.dropout > 0 ? *a.state : StepState{}, a.site, a.dropout);
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t lane = 0; lane < query_block; lane += W) {
      float *p_at = w.p + j * query_block + lane, *ds_at = w.ds + j * query_block + lane;
      vf p = exp(load(p_at) - load(w.lse + lane)), dp = load(ds_at), dropped = p;
      if (a.dropout > 0) {
        const auto element = static_cast<uint64_t>((bh * a.Tq + first + lane) * a.Tk + key + j);
        const vf keep = mask.factors(element, static_cast<int32_t>(a.Tk));
        dp *= keep;
        dropped *= keep;
      }
      vf ds = p * (dp - load(w.delta + lane)) * static_cast<float>(a.scale);
      if (key + j >= visible) {
        const vi seen = lane_index() >= static_cast<int32_t>(key + j - (visible - 1) - lane);
        dropped = seen ? dropped : vf{};
        ds = seen ? ds : vf{};
      }
      store(p_at, dropped);
      store(ds_at, ds);
    }
  }
}

/// c[m][width] += a[m][n] b[n][width], a's rows query_block long.
void add_product(int64_t m, int64_t n, const float* a, const float* b, float* c, int64_t width) {
  int64_t d = 0;
  for (; d + 2 * W <= width; d += 2 * W)
    product<2, Order::rows>(m, n, a, query_block, b + d, width, c + d, width, Write::add);
  if (d < width) product<1, Order::rows>(m, n, a, query_block, b + d, width, c + d, width, Write::add);
}

void backward_queries(const AttentionBackward& a, int64_t bh, int64_t first, const Workspace& w) {
  const In k = head_of(a, a.k, bh), v = head_of(a, a.v, bh);
  const int64_t n_queries = smaller(query_block, a.Tq - first), visible = a.Tk - a.Tq + first + 1;
  load_queries(a, bh, first, n_queries, w);
  const int64_t keys = visible + n_queries - 1;
  for (int64_t key = 0; key < keys; key += key_block) {
    const int64_t n = smaller(key_block, keys - key);
    product<2, Order::rows>(n, a.D, k[key], k.row, w.q, query_block, w.p, query_block, Write::set);
    product<2, Order::rows>(n, a.D, v[key], v.row, w.dy, query_block, w.ds, query_block, Write::set);
    probabilities(a, bh, first, visible, key, n, w);
    product<2, Order::columns>(a.D, n, k[key], k.row, w.ds, query_block, w.dq, query_block,
                               key == 0 ? Write::set : Write::add);
    add_product(n, n_queries, w.p, w.dy_rows, w.dv + key * w.width, w.width);
    add_product(n, n_queries, w.ds, w.q_rows, w.dk + key * w.width, w.width);
  }
  const Out dq = head_of(a, a.dq, bh);
  transpose_out(w.dq, n_queries, a.D, {dq[first], dq.row}, a.to_dq);
}

void write_rows(const float* from, int64_t width, int64_t n, int64_t D, const Out& to, Write write) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t d = 0; d < D; d += W) {
      const int64_t lanes = smaller(W, D - d);
      const vf x = load(from + j * width + d);
      store_part(to[j] + d, write == Write::add ? load_part(to[j] + d, lanes) + x : x, lanes);
    }
  }
}

}  // namespace

template <>
void attention_backward_tiled<Isa::HEWN_ISA>(const Launch& launch, const AttentionBackward& a) {
  // A head is one worker's: its dk and dv gather over the queries in order.
  parallel_for(launch, a.B * a.H, [&](int64_t begin, int64_t end, int worker) {
    Scratch s(launch, worker);
    const int64_t width = rounded_up(a.D, W), block = a.D * query_block;
    const Workspace w{.width = width,
                      .q = s.take(block),
                      .dy = s.take(block),
                      .q_rows = s.take(query_block * width),
                      .dy_rows = s.take(query_block * width),
                      .lse = s.take(query_block),
                      .delta = s.take(query_block),
                      .p = s.take(key_block * query_block),
                      .ds = s.take(key_block * query_block),
                      .dq = s.take(block),
                      .dk = s.take(a.Tk * width),
                      .dv = s.take(a.Tk * width)};
    for (int64_t bh = begin; bh < end; ++bh) {
      __builtin_memset(w.dk, 0, static_cast<size_t>(a.Tk * width) * sizeof(float));
      __builtin_memset(w.dv, 0, static_cast<size_t>(a.Tk * width) * sizeof(float));
      for (int64_t first = 0; first < a.Tq; first += query_block) backward_queries(a, bh, first, w);
      write_rows(w.dk, width, a.Tk, a.D, head_of(a, a.dk, bh), a.to_dk);
      write_rows(w.dv, width, a.Tk, a.D, head_of(a, a.dv, bh), a.to_dv);
    }
  });
}

}  // namespace hewn
