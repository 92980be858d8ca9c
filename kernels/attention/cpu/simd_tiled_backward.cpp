#include "kernels/attention/cpu/tile.h"
#include "kernels/attention/kernels.h"
#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_math.h"

namespace hewn {
namespace {

/// A worker's buffers. Rows of `D` elements are padded to whole vectors, `width` elements.
struct Workspace {
  int64_t width;
  float *q, *dy;                 ///< [D][query_block]; q is scaled
  float *q_rows, *dy_rows;       ///< [query_block][width]
  float *lse, *delta;            ///< [query_block]
  float *p, *ds;                 ///< [key_block][query_block]
  float *factor_rows, *factors;  ///< for dropout: [query_block][key_block] and [key_block][query_block]
  float* dq;                     ///< [D][query_block]
  float *dk, *dv;                ///< [Tk][width]
};

/// Copies rows and pads them with zeros.
void copy_rows(const In& from, int64_t n, int64_t D, float* to, int64_t width) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t d = 0; d < width; d += W)
      store(to + i * width + d, load_part(from[i] + d, smaller(W, D - d)));
}

/// Loads a block of queries into the workspace.
void load_queries(const AttentionBackward& a, const Queries& block, const Workspace& w) {
  const In q = head_of(a, a.q, block.bh), y = head_of(a, a.y, block.bh), dy = head_of(a, a.dy, block.bh);
  const In q_block{q[block.first], q.row}, dy_block{dy[block.first], dy.row};
  transpose_in(q_block, block.n, a.D, static_cast<float>(a.scale), w.q);
  transpose_in(dy_block, block.n, a.D, 1, w.dy);
  copy_rows(q_block, block.n, a.D, w.q_rows, w.width);
  copy_rows(dy_block, block.n, a.D, w.dy_rows, w.width);
  const float* lse = static_cast<const float*>(a.lse) + block.bh * a.Tq + block.first;
  for (int64_t i = 0; i < query_block; ++i) {
    w.lse[i] = i < block.n ? lse[i] : __builtin_inff();  // gives absent lanes probability 0
    w.delta[i] = i < block.n ? dot(dy_block[i], y[block.first + i], a.D) : 0;
  }
}

/// From scores in p and dy . v in ds: p := probabilities after dropout, ds := gradients of q . k.
void probabilities(const AttentionBackward& a, const Queries& block, const Keys& keys, const Workspace& w) {
  if (a.dropout > 0) block_factors(a, block, keys, w.factor_rows, w.factors);
  for (int64_t lane = 0; lane < query_block; lane += W) {
    const vf lse = load(w.lse + lane), delta = load(w.delta + lane);
    for (int64_t j = 0; j < (lane == 0 ? keys.both : keys.n); ++j) {
      const int64_t at = j * query_block + lane;
      const vf p = exp(load(w.p + at) - lse), keep = a.dropout > 0 ? load(w.factors + at) : set1(1.0f);
      vf dropped = keep * p, ds = p * (keep * load(w.ds + at) - delta) * static_cast<float>(a.scale);
      if (keys.first + j < block.seen_from(lane) || keys.first + j >= block.seen_to(lane)) {
        const vi seen = lanes_that_see(block, keys.first + j, lane);
        dropped = seen ? dropped : vf{};
        ds = seen ? ds : vf{};
      }
      store(w.p + at, dropped);
      store(w.ds + at, ds);
    }
  }
}

/// to[j] += sum_i weight[j][i] rows[i] for every key j; rows [queries][width].
void add_to_keys(const Queries& block, const Keys& keys, const float* weight, const float* rows, float* to,
                 int64_t width) {
  const auto add = [&]<int V>(int64_t d) {
    float* first = to + keys.first * width + d;
    product<V, Order::rows>(keys.both, block.n, weight, query_block, rows + d, width, first, width,
                            Write::add);
    product<V, Order::rows>(keys.n - keys.both, block.n - W, weight + keys.both * query_block + W,
                            query_block, rows + W * width + d, width, first + keys.both * width, width,
                            Write::add);
  };
  int64_t d = 0;
  for (; d + 2 * W <= width; d += 2 * W) add.template operator()<2>(d);
  if (d < width) add.template operator()<1>(d);
}

void backward_block(const AttentionBackward& a, const Queries& block, const Workspace& w) {
  const In k = kv_head(a, a.k, kv_of(a, block.bh)), v = kv_head(a, a.v, kv_of(a, block.bh));
  load_queries(a, block, w);
  const int64_t start = block.first_key();
  for (int64_t first = start; first < block.end_key(); first += key_block) {
    const Keys some = keys(block, first);
    dot_products(some, k, a.D, w.q, w.p);
    dot_products(some, v, a.D, w.dy, w.ds);
    probabilities(a, block, some, w);
    weighted_sums(some, k, a.D, w.ds, w.dq, first == start ? Write::set : Write::add);
    add_to_keys(block, some, w.p, w.dy_rows, w.dv, w.width);
    add_to_keys(block, some, w.ds, w.q_rows, w.dk, w.width);
  }
  const Out dq = head_of(a, a.dq, block.bh);
  transpose_out(w.dq, block.n, a.D, {dq[block.first], dq.row}, a.to_dq);
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

/// Sums the parts of dk or dv of one key head in order, for rows [first, first + n) of [Tk][width].
void sum_parts(float* parts, int64_t n_parts, int64_t stride, int64_t width, int64_t first, int64_t n,
               int64_t D, const Out& to, Write write) {
  float* sum = parts + first * width;
  for (int64_t part = 1; part < n_parts; ++part)
    for (int64_t at = 0; at < n * width; at += W)
      store(sum + at, load(sum + at) + load(sum + part * stride + at));
  write_rows(sum, width, n, D, {to[first], to.row}, write);
}

Workspace take_workspace(Scratch& s, int64_t D, int64_t width) {
  const int64_t block = D * query_block, weights = key_block * query_block;
  return {.width = width,
          .q = s.take(block),
          .dy = s.take(block),
          .q_rows = s.take(query_block * width),
          .dy_rows = s.take(query_block * width),
          .lse = s.take(query_block),
          .delta = s.take(query_block),
          .p = s.take(weights),
          .ds = s.take(weights),
          .factor_rows = s.take(weights),
          .factors = s.take(weights),
          .dq = s.take(block),
          .dk = nullptr,
          .dv = nullptr};
}

}  // namespace

// Small matrix products in the backward pass. For a block of queries and 64 keys, p and ds are two products,
// and dq, dv and dk three more. Only dk and dv are stored for a whole head; they are accumulated block by
// block. An item of work is a head of keys with its query heads in order or, where these would be too few
// items, one query head.
template <>
void attention_backward_tiled<Isa::HEWN_ISA>(const Launch& launch, const AttentionBackward& a) {
  const int64_t width = rounded_up(a.D, W), size = a.Tk * width;
  const int64_t parts = backward_parts(a), heads = a.H / a.Hkv / parts, shared = backward_parts_scratch(a);
  float* const partial = static_cast<float*>(launch.scratch);  // [B Hkv parts][2][Tk][width]
  parallel_for(launch, a.B * a.Hkv * parts, [&](int64_t begin, int64_t end, int worker) {
    Scratch s(launch, worker, shared);
    Workspace w = take_workspace(s, a.D, width);
    float* const own = parts == 1 ? s.take(2 * size) : nullptr;
    for (int64_t item = begin; item < end; ++item) {
      w.dk = parts == 1 ? own : partial + item * 2 * size;
      w.dv = w.dk + size;
      __builtin_memset(w.dk, 0, static_cast<size_t>(2 * size) * sizeof(float));
      for (int64_t bh = item * heads; bh < (item + 1) * heads; ++bh)
        for (int64_t first = 0; first < a.Tq; first += query_block)
          backward_block(a, queries(a, bh, first), w);
      if (parts > 1) continue;
      write_rows(w.dk, width, a.Tk, a.D, kv_head(a, a.dk, item), a.to_dk);
      write_rows(w.dv, width, a.Tk, a.D, kv_head(a, a.dv, item), a.to_dv);
    }
  });
  if (parts == 1) return;
  const int64_t blocks = blocks_of(a.Tk, key_block);
  parallel_for(launch, a.B * a.Hkv * blocks, [&](int64_t begin, int64_t end, int) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t kv = item / blocks, first = item % blocks * key_block,
                    n = smaller(key_block, a.Tk - first);
      float* dk = partial + kv * parts * 2 * size;
      sum_parts(dk, parts, 2 * size, width, first, n, a.D, kv_head(a, a.dk, kv), a.to_dk);
      sum_parts(dk + size, parts, 2 * size, width, first, n, a.D, kv_head(a, a.dv, kv), a.to_dv);
    }
  });
}

}  // namespace hewn
