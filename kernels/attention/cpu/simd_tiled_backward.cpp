#include "kernels/attention/abi.h"
#include "kernels/attention/cpu/tile.h"
#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_math.h"

namespace hewn {
namespace {

/// A worker's buffers. Rows of `D` elements are padded to whole vectors, `width` elements.
struct Workspace {
  int64_t width;
  float *q, *dy, *dq;            ///< [query_group / query_block][D][query_block]; q is scaled
  float *q_rows, *dy_rows;       ///< [query_group][width]
  float *lse, *delta;            ///< [query_group]
  float *p, *ds;                 ///< [key_block][query_group]
  float *factor_rows, *factors;  ///< for dropout: [query_block][key_block] and [key_block][query_block]
  float *dk, *dv;                ///< [Tk][width]
};

/// Copies rows and pads them with zeros.
void copy_rows(const In& from, int64_t n, int64_t D, float* to, int64_t width) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t d = 0; d < width; d += W)
      store(to + i * width + d, load_part(from[i] + d, smaller(W, D - d)));
}

/// Of block i of a group: `size` elements of q, dy and dq each; the lanes of lse, delta, p and ds.
Workspace of_block(const Workspace& w, int64_t i, int64_t size) {
  Workspace of = w;
  for (float** x : {&of.q, &of.dy, &of.dq}) *x += i * size;
  for (float** x : {&of.q_rows, &of.dy_rows}) *x += i * query_block * w.width;
  for (float** x : {&of.lse, &of.delta, &of.p, &of.ds}) *x += i * query_block;
  return of;
}

/// Loads a block of queries into its part of the workspace.
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
      const int64_t at = j * query_group + lane;
      const vf p = exp_below_0(load(w.p + at) - lse),
               keep = a.dropout > 0 ? load(w.factors + j * query_block + lane) : set1(1.0f);
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

/// to[j] += sum_i weight[j][i] rows[i] for every key j and n queries, of which those in the first W lanes
/// attend to none past keys.both; rows [queries][width].
void add_to_keys(const Keys& keys, int64_t n, const float* weight, const float* rows, float* to,
                 int64_t width) {
  const auto add = [&]<int V>(int64_t d) {
    float* first = to + keys.first * width + d;
    product<V, Order::rows>(keys.both, n, weight, query_group, rows + d, width, first, width, Write::add);
    product<V, Order::rows>(keys.n - keys.both, n - W, weight + keys.both * query_group + W, query_group,
                            rows + W * width + d, width, first + keys.both * width, width, Write::add);
  };
  int64_t d = 0;
  for (; d + 2 * W <= width; d += 2 * W) add.template operator()<2>(d);
  if (d < width) add.template operator()<1>(d);
}

/// Adds to dk and dv of the keys of a block of keys that starts at `from`.
void add_group_to_keys(const Group& group, int64_t from, const Workspace& w) {
  const auto add = [&](const Keys& some, int64_t n, const Workspace& of) {
    add_to_keys(some, n, of.p, of.dy_rows, w.dv, w.width);
    add_to_keys(some, n, of.ds, of.q_rows, w.dk, w.width);
  };
  // Long sums where every lane has a probability for every key.
  const Keys first = keys(group.blocks[0], from), last = keys(group.blocks[group.count - 1], from);
  if (first.both == key_block && last.n == key_block) return add(first, group.end() - group.first(), w);
  for (int64_t i = 0; i < group.count; ++i)
    if (const Keys some = keys(group.blocks[i], from); some.n > 0)
      add(some, group.blocks[i].n, of_block(w, i, 0));
}

void backward_group(const AttentionBackward& a, const Group& group, const Workspace& w) {
  const int64_t kv = kv_of(a, group.blocks[0].bh), size = a.D * query_block;
  const In k = kv_head(a, a.k, kv), v = kv_head(a, a.v, kv);
  for (int64_t i = 0; i < group.count; ++i) load_queries(a, group.blocks[i], of_block(w, i, size));
  for (int64_t from = group.first_key(); from < group.end_key(); from += key_block) {
    for (int64_t i = 0; i < group.count; ++i) {
      const Queries& block = group.blocks[i];
      const Keys some = keys(block, from);
      if (some.n <= 0) continue;
      const Workspace of = of_block(w, i, size);
      dot_products(some, k, a.D, of.q, of.p, query_group);
      dot_products(some, v, a.D, of.dy, of.ds, query_group);
      probabilities(a, block, some, of);
      weighted_sums(some, k, a.D, of.ds, query_group, of.dq,
                    some.first == block.first_key() ? Write::set : Write::add);
    }
    add_group_to_keys(group, from, w);
  }
  for (int64_t i = 0; i < group.count; ++i) {
    const Queries& block = group.blocks[i];
    const Out dq = head_of(a, a.dq, block.bh);
    transpose_out(w.dq + i * size, block.n, a.D, {dq[block.first], dq.row}, a.to_dq);
  }
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
  const int64_t queries = D * query_group, weights = key_block * query_group,
                factors = key_block * query_block;
  return {.width = width,
          .q = s.take(queries),
          .dy = s.take(queries),
          .dq = s.take(queries),
          .q_rows = s.take(query_group * width),
          .dy_rows = s.take(query_group * width),
          .lse = s.take(query_group),
          .delta = s.take(query_group),
          .p = s.take(weights),
          .ds = s.take(weights),
          .factor_rows = s.take(factors),
          .factors = s.take(factors),
          .dk = nullptr,
          .dv = nullptr};
}

}  // namespace

// Small matrix products in the backward pass. For a block of queries and 64 keys, p and ds are two products,
// and dq, dv and dk three more. Only dk and dv are stored for a whole head; they are accumulated block by
// block. An item of work is a head of keys with its query heads in order or, where these would be too few
// items, one query head.
template <>
void kernel<"tiled", Isa::HEWN_ISA>(const Launch& launch, const AttentionBackward& a) {
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
      for (int64_t bh = item * heads; bh < (item + 1) * heads; ++bh) {
        if (bh == begin * heads || bh % a.H == 0)
          read_ahead(a, bh, end * heads,
                     {{a.q, a.H},
                      {a.k, a.Hkv},
                      {a.v, a.Hkv},
                      {a.y, a.H},
                      {a.dy, a.H},
                      {a.dq, a.H},
                      {a.dk, a.Hkv},
                      {a.dv, a.Hkv}});
        for (int64_t first = 0; first < a.Tq; first += query_group)
          backward_group(a, group_of(a, bh, first, query_group), w);
      }
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
