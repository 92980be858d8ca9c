#pragma once
// Small matrix products and transpositions for the SIMD rungs.
//
// A block of `query_block` queries is stored transposed, [D][query_block], so that lanes are queries: the
// softmax over the keys needs no sums across lanes, and keys and values are read in place, one broadcast
// element at a time. The blocks of a group of `query_group` queries take turns at each block of keys, which
// then comes from a distant cache once per group.

#include "kernels/attention/abi.h"
#include "kernels/dropout/mask.h"
#include "kernels/simd/vec.h"
#include "kernels/simd/vec_math.h"
#include "kernels/simd/vec_transpose.h"

namespace hewn {
namespace {

constexpr int64_t query_block = 2 * W;
constexpr int64_t query_group = 64;
constexpr int64_t key_block = 64;
[[maybe_unused]] constexpr float infinity = __builtin_inff();

HEWN_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
HEWN_INLINE int64_t rounded_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

/// One head of an operand.
struct In {
  const float* data;
  int64_t row;
  HEWN_INLINE const float* operator[](int64_t t) const { return data + t * row; }
};
struct Out {
  float* data;
  int64_t row;
  HEWN_INLINE float* operator[](int64_t t) const { return data + t * row; }
};
HEWN_INLINE In head_of(const AttentionSizes& a, const Heads& x, int64_t bh) {
  return {static_cast<const float*>(x.data) + bh / a.H * x.batch + bh % a.H * x.head, x.row};
}
HEWN_INLINE Out head_of(const AttentionSizes& a, const HeadsOut& x, int64_t bh) {
  return {static_cast<float*>(x.data) + bh / a.H * x.batch + bh % a.H * x.head, x.row};
}
/// The index, among the B * Hkv heads of keys and values, of the head that query head `bh` reads; and one
/// such head.
HEWN_INLINE int64_t kv_of(const AttentionSizes& a, int64_t bh) { return bh / (a.H / a.Hkv); }
HEWN_INLINE In kv_head(const AttentionSizes& a, const Heads& x, int64_t kv) {
  return {static_cast<const float*>(x.data) + kv / a.Hkv * x.batch + kv % a.Hkv * x.head, x.row};
}
HEWN_INLINE Out kv_head(const AttentionSizes& a, const HeadsOut& x, int64_t kv) {
  return {static_cast<float*>(x.data) + kv / a.Hkv * x.batch + kv % a.Hkv * x.head, x.row};
}

/// An operand with `heads` heads per batch element.
struct Operand {
  Heads x;
  int64_t heads;
  HEWN_INLINE Operand(const Heads& in, int64_t n) : x(in), heads(n) {}
  HEWN_INLINE Operand(const HeadsOut& out, int64_t n) : x{out.data, out.batch, out.head, out.row}, heads(n) {}
};
/// Reads operands of query heads [bh, end) of bh's batch element into the caches, if there are few positions
/// and heads are adjacent in memory: the hardware prefetcher follows these long pieces of rows, but not the
/// short ones of a single head. Plain loads, because Genoa drops prefetches while many others are in flight.
template <int n_operands>
HEWN_INLINE void read_ahead(const AttentionSizes& a, int64_t bh, int64_t end,
                            const Operand (&operands)[n_operands]) {
  constexpr int64_t line = 64 / sizeof(float);
  if (a.Tq > query_group) return;
  end = smaller(end, (bh / a.H + 1) * a.H);
  for (int64_t t = 0; t < a.Tq; ++t)
    for (const auto& [x, heads] : operands) {
      const int64_t sharing = a.H / heads, first = bh / sharing, n = ((end - 1) / sharing + 1 - first) * a.D;
      const volatile float* row =
          static_cast<const float*>(x.data) + first / heads * x.batch + first % heads * x.head + t * x.row;
      for (int64_t d = 0; d < n && x.head == a.D; d += line) static_cast<void>(row[d]);
    }
}

/// A worker's share of the scratch, which starts after `shared` floats; allocates pieces aligned to 64 bytes.
struct Scratch {
  float* next;
  HEWN_INLINE Scratch(const Launch& launch, int worker, int64_t shared = 0) {
    const auto floats = static_cast<int64_t>(launch.scratch_bytes / sizeof(float)) - shared;
    next = static_cast<float*>(launch.scratch) + shared + floats / launch.threads * worker;
  }
  HEWN_INLINE float* take(int64_t n) {
    float* piece = next;
    next += rounded_up(n, 16);
    return piece;
  }
};

[[maybe_unused]] float dot(const float* a, const float* b, int64_t n) {
  vf sum{};
  for (int64_t d = 0; d < n; d += W) {
    const int64_t lanes = smaller(W, n - d);
    sum = fma(load_part(a + d, lanes), load_part(b + d, lanes), sum);
  }
  return sum_lanes(sum);
}

/// to[d][i] = scale from[i][d] for n <= query_block rows of length D; the lanes of absent rows are 0.
[[maybe_unused]] void transpose_in(const In& from, int64_t n, int64_t D, float scale, float* to) {
  for (int64_t lane = 0; lane < query_block; lane += W) {
    const int64_t rows = n - lane;
    for (int64_t d = 0; d < D; d += W) {
      const int64_t columns = smaller(W, D - d);
      vf x[W];
#pragma GCC unroll 16
      for (int64_t r = 0; r < W; ++r) x[r] = r < rows ? load_part(from[lane + r] + d, columns) * scale : vf{};
      transpose<W>(x);
#pragma GCC unroll 16
      for (int64_t r = 0; r < W; ++r)
        if (r < columns) store(to + (d + r) * query_block + lane, x[r]);
    }
  }
}

/// to[i][d] (set or add) from[d][i] for the first n <= query_block lanes.
[[maybe_unused]] void transpose_out(const float* from, int64_t n, int64_t D, const Out& to, Write write) {
  for (int64_t lane = 0; lane < n; lane += W) {
    for (int64_t d = 0; d < D; d += W) {
      const int64_t columns = smaller(W, D - d);
      vf x[W];
#pragma GCC unroll 16
      for (int64_t r = 0; r < W; ++r) x[r] = r < columns ? load(from + (d + r) * query_block + lane) : vf{};
      transpose<W>(x);
#pragma GCC unroll 16
      for (int64_t r = 0; r < W; ++r) {
        if (r >= n - lane) continue;
        float* at = to[lane + r] + d;
        store_part(at, write == Write::add ? load_part(at, columns) + x[r] : x[r], columns);
      }
    }
  }
}

/// The layout of a factor: element (m, k) is data[m * stride + k], or transposed data[k * stride + m].
enum class Order { rows, columns };

/// c[R][V * W] (set or add) a[R][n] b[n][V * W], summed in registers over k in order.
template <int R, int V, Order order>
HEWN_INLINE void tile(int64_t n, const float* a, int64_t a_stride, const float* b, int64_t b_row, float* c,
                      int64_t c_row, Write write) {
  vf sum[R][V]{};
  for (int64_t k = 0; k < n; ++k) {
    vf row[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) row[v] = load(b + k * b_row + v * W);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const vf x = set1(order == Order::rows ? a[r * a_stride + k] : a[k * a_stride + r]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[r][v] = fma(x, row[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      float* at = c + r * c_row + v * W;
      store(at, write == Write::add ? load(at) + sum[r][v] : sum[r][v]);
    }
  }
}

/// c[m][V * W] (set or add) a[m][n] b[n][V * W].
template <int V, Order order>
void product(int64_t m, int64_t n, const float* a, int64_t a_stride, const float* b, int64_t b_row, float* c,
             int64_t c_row, Write write) {
  // Sums and operands must fit in the registers. SSE2 needs one more register for a product.
  constexpr int most = n_registers == 32 ? 8 : W == 8 ? 6 : 4;
  const int64_t a_step = order == Order::rows ? a_stride : 1;
  int64_t r = 0;
  for (; r + most <= m; r += most)
    tile<most, V, order>(n, a + r * a_step, a_stride, b, b_row, c + r * c_row, c_row, write);
  if constexpr (most == 6)
    for (; r + 4 <= m; r += 4)
      tile<4, V, order>(n, a + r * a_step, a_stride, b, b_row, c + r * c_row, c_row, write);
  for (; r + 2 <= m; r += 2)
    tile<2, V, order>(n, a + r * a_step, a_stride, b, b_row, c + r * c_row, c_row, write);
  if (r < m) tile<1, V, order>(n, a + r * a_step, a_stride, b, b_row, c + r * c_row, c_row, write);
}

/// A block of n queries of one head, the first being `first`. Query i of the block attends to keys
/// [visible + i - window, visible + i).
struct Queries {
  int64_t bh, first, n, visible, window;
  HEWN_INLINE int64_t first_key() const { return visible < window ? 0 : visible - window; }
  HEWN_INLINE int64_t end_key() const { return visible + n - 1; }
  /// All queries of the vector of lanes that starts at `lane` attend to the keys in [from, to).
  HEWN_INLINE int64_t seen_from(int64_t lane) const { return visible + lane + W - 1 - window; }
  HEWN_INLINE int64_t seen_to(int64_t lane) const { return visible + lane; }
};
HEWN_INLINE Queries queries(const AttentionSizes& a, int64_t bh, int64_t first) {
  return {bh, first, smaller(query_block, a.Tq - first), a.Tk - a.Tq + first + 1, a.window};
}

/// The blocks of a group of queries of one head, `count` of them; the first query is `first`.
struct Group {
  Queries blocks[query_group / query_block];
  int64_t count;
  HEWN_INLINE int64_t first() const { return blocks[0].first; }
  HEWN_INLINE int64_t end() const { return blocks[count - 1].first + blocks[count - 1].n; }
  /// The keys that the group attends to lie in [first_key(), end_key()); first_key() begins a block of keys.
  HEWN_INLINE int64_t first_key() const { return blocks[0].first_key() / key_block * key_block; }
  HEWN_INLINE int64_t end_key() const { return blocks[count - 1].end_key(); }
};
HEWN_INLINE Group group_of(const AttentionSizes& a, int64_t bh, int64_t first, int64_t most_queries) {
  Group group{{}, 0};
  const int64_t end = smaller(first + most_queries, a.Tq);
  for (int64_t at = first; at < end; at += query_block) group.blocks[group.count++] = queries(a, bh, at);
  return group;
}

/// n keys from `first` on; the queries in the first W lanes attend to at most the first `both` of them. Whole
/// vectors above the diagonal are skipped.
struct Keys {
  int64_t first, n, both;
};
/// The keys, in the block of keys that starts at `from`, that a block of queries attends to; n <= 0 if there
/// are none.
HEWN_INLINE Keys keys(const Queries& block, int64_t from) {
  const int64_t first = from < block.first_key() ? block.first_key() : from;
  const int64_t n = smaller(from + key_block, block.end_key()) - first;
  const int64_t seen = block.visible + W - 1 - first;
  return {first, n, seen < 0 ? 0 : smaller(seen, n)};
}

/// Lanes whose query attends to key `key`.
HEWN_INLINE vi lanes_that_see(const Queries& block, int64_t key, int64_t lane) {
  const int64_t first = key - block.visible + 1 - lane;
  return (lane_index() >= static_cast<int32_t>(first)) &
         (lane_index() < static_cast<int32_t>(first + block.window));
}

/// to[j][lane] = rows[j] . q[:][lane] for every key j; rows of `to` are to_row apart.
[[maybe_unused]] void dot_products(const Keys& keys, const In& rows, int64_t D, const float* q, float* to,
                                   int64_t to_row) {
  product<2, Order::rows>(keys.both, D, rows[keys.first], rows.row, q, query_block, to, to_row, Write::set);
  product<1, Order::rows>(keys.n - keys.both, D, rows[keys.first + keys.both], rows.row, q + W, query_block,
                          to + keys.both * to_row + W, to_row, Write::set);
}

/// to[:][lane] (set or add) sum_j weight[j][lane] rows[j]; rows of `weight` are weight_row apart.
[[maybe_unused]] void weighted_sums(const Keys& keys, const In& rows, int64_t D, const float* weight,
                                    int64_t weight_row, float* to, Write write) {
  product<2, Order::columns>(D, keys.both, rows[keys.first], rows.row, weight, weight_row, to, query_block,
                             write);
  if (keys.both < keys.n)
    product<1, Order::columns>(D, keys.n - keys.both, rows[keys.first + keys.both], rows.row,
                               weight + keys.both * weight_row + W, weight_row, to + W, query_block,
                               Write::add);
}

/// Multiplies x[m][query_block] by a factor per lane.
[[maybe_unused]] void scale_lanes(float* x, int64_t m, const vf (&factor)[2]) {
  for (int64_t r = 0; r < m; ++r)
    for (int v = 0; v < 2; ++v) {
      float* at = x + r * query_block + v * W;
      store(at, load(at) * factor[v]);
    }
}

/// Writes y / sum of a block's queries; y [D][query_block] holds sums of exp(score - most) v.
[[maybe_unused]] void finish_block(const AttentionForward& a, const Queries& block, const vf (&sum)[2],
                                   float* y) {
  scale_lanes(y, a.D, {1.0f / sum[0], 1.0f / sum[1]});
  const Out to = head_of(a, a.y, block.bh);
  transpose_out(y, block.n, a.D, {to[block.first], to.row}, Write::set);
}

/// Writes lse = most + log sum of a block's queries.
[[maybe_unused]] void put_lse(const AttentionForward& a, const Queries& block, const vf (&most)[2],
                              const vf (&sum)[2]) {
  float* lse = static_cast<float*>(a.lse) + block.bh * a.Tq + block.first;
  for (int g = 0; g < 2 && g * W < block.n; ++g)
    store_part(lse + g * W, most[g] + log(sum[g]), smaller(W, block.n - g * W));
}

/// The dropout factors of probabilities (i, key), (i, key + 1), ... of head bh: at least 64,
/// somewhere in the buffer.
[[maybe_unused]] const float* row_factors(const AttentionSizes& a, int64_t bh, int64_t i, int64_t key,
                                          float (&buffer)[128]) {
  const Dropout mask{a.dtype,   a.B * a.H * a.Tq * a.Tk, a.dropout, a.site, a.state, nullptr, nullptr,
                     Write::set};
  const int64_t element = (bh * a.Tq + i) * a.Tk + key;
  dropout_factors(mask, element / 64, buffer);
  if (element % 64 != 0) dropout_factors(mask, element / 64 + 1, buffer + 64);
  return buffer + element % 64;
}

/// The dropout factors of a block, to[key][lane]; `rows` [query_block][key_block] is a temporary.
[[maybe_unused]] void block_factors(const AttentionSizes& a, const Queries& block, const Keys& keys,
                                    float* rows, float* to) {
  static_assert(key_block == 64);
  for (int64_t i = 0; i < block.n; ++i) {
    float buffer[128];
    const float* from = row_factors(a, block.bh, block.first + i, keys.first, buffer);
    __builtin_memcpy(rows + i * key_block, from, key_block * sizeof(float));
  }
  transpose_in({rows, key_block}, block.n, keys.n, 1, to);
}

}  // namespace
}  // namespace hewn
