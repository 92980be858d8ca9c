#include "kernels/attention/cpu/online_tile.h"
#include "kernels/contract/parallel.h"
#include "kernels/paged_attention/abi.h"
#include "kernels/paged_attention/work.h"
#include "kernels/simd/vec_bf16.h"

namespace hewn {
namespace {

static_assert(page_tokens == key_block);

/// The keys [D][64] and values [64][D] of one head of a page.
struct Page {
  const float *k, *v;
};

/// to[i] = numbers[i] times the factor of i.
template <class FactorOf>
void widen(const int8_t* numbers, int64_t n, const FactorOf& factor_of, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(numbers[i]) * factor_of(i);
}

/// The page with token t, widened to `scratch` unless it is float32.
Page open_page(const PagedAttention& a, int64_t b, int64_t t, int64_t kv, float* scratch) {
  const PageTable& p = a.pages;
  const PageLayout& layout = p.layout;
  const int64_t D = layout.D, n = page_tokens * D, blocks = layout.blocks();
  const intptr_t place = reinterpret_cast<intptr_t>(a.base) + p.places[b * p.columns + t / page_tokens];
  const char* head = reinterpret_cast<const char*>(place) + kv * layout.head_bytes();
  const char* values = head + layout.of_values();
  float* to = scratch + n;
  switch (layout.format) {
    case KvFormat::f32: return {reinterpret_cast<const float*>(head), reinterpret_cast<const float*>(values)};
    case KvFormat::bf16:
      for (int64_t i = 0; i < n; i += W) {
        store(scratch + i, load(reinterpret_cast<const BFloat16*>(head) + i));
        store(to + i, load(reinterpret_cast<const BFloat16*>(values) + i));
      }
      break;
    case KvFormat::q8_0: {
      const auto* of_keys = reinterpret_cast<const float*>(head + layout.numbers());
      const auto* of_values = reinterpret_cast<const float*>(values + layout.numbers());
      for (int64_t d = 0; d < D; ++d)
        widen(
            reinterpret_cast<const int8_t*>(head) + d * page_tokens, page_tokens,
            [factors = of_keys + d / PageLayout::block * page_tokens](int64_t i) { return factors[i]; },
            scratch + d * page_tokens);
      for (int64_t token = 0; token < page_tokens; ++token)
        for (int64_t first = 0; first < D; first += PageLayout::block)
          widen(
              reinterpret_cast<const int8_t*>(values) + token * D + first,
              smaller(PageLayout::block, D - first),
              [factor = of_values[token * blocks + first / PageLayout::block]](int64_t) { return factor; },
              to + token * D + first);
    }
  }
  return {scratch, to};
}

/// The launch for sequence b alone, as attention's tiles take it.
AttentionForward of_sequence(const PagedAttention& a, int64_t b) {
  const PageLayout& layout = a.pages.layout;
  AttentionForward one{};
  static_cast<AttentionSizes&>(one) = {.dtype = DType::f32,
                                       .B = 1,
                                       .H = a.H,
                                       .Hkv = layout.Hkv,
                                       .Tq = a.T,
                                       .Tk = a.pages.length[b] + a.T,
                                       .D = layout.D,
                                       .window = a.window,
                                       .scale = a.scale,
                                       .dropout = 0,
                                       .state = nullptr,
                                       .site = 0};
  one.q = {static_cast<const float*>(a.q.data) + b * a.q.batch, a.q.batch, a.q.head, a.q.row};
  one.y = {static_cast<float*>(a.y.data) + b * a.y.batch, a.y.batch, a.y.head, a.y.row};
  return one;
}

/// Adds the keys of a page, which begins with token `from`, to the softmax of a block of queries and to its sums.
void add_page(const AttentionForward& a, const Queries& block, const Keys& some, int64_t from,
              const Page& page, const float* q, float* scores, Running& running, float* y) {
  const bool first = some.first == block.first_key();
  const float* k = page.k + some.first - from;
  product<2, Order::columns>(some.both, a.D, k, page_tokens, q, query_block, scores, query_block, Write::set);
  product<1, Order::columns>(some.n - some.both, a.D, k + some.both, page_tokens, q + W, query_block,
                             scores + some.both * query_block + W, query_block, Write::set);
  mask_scores(scores, some, block);
  vf shrink[2];
  take_exponentials(scores, some, running, shrink);
  if (!first) scale_lanes(y, a.D, shrink);
  product<2, Order::columns>(a.D, some.n, page.v + (some.first - from) * a.D, a.D, scores, query_block, y,
                             query_block, first ? Write::set : Write::add);
}

/// Many queries: those of a group of head h of sequence b are in lanes.
void attend_group(const PagedAttention& p, const AttentionForward& a, int64_t b, const Group& group,
                  const PagedWork& w) {
  const int64_t size = a.D * query_block, h = group.blocks[0].bh;
  Running running[query_group / query_block];
  for (int64_t i = 0; i < group.count; ++i) {
    const In q = head_of(a, a.q, h);
    transpose_in({q[group.blocks[i].first], q.row}, group.blocks[i].n, a.D, static_cast<float>(a.scale),
                 w.q + i * size);
  }
  for (int64_t from = group.first_key(); from < group.end_key(); from += key_block) {
    const Page page = open_page(p, b, from, kv_of(a, h), w.page);
    for (int64_t i = 0; i < group.count; ++i)
      if (const Keys some = keys(group.blocks[i], from); some.n > 0)
        add_page(a, group.blocks[i], some, from, page, w.q + i * size, w.scores, running[i], w.y + i * size);
  }
  for (int64_t i = 0; i < group.count; ++i) finish_block(a, group.blocks[i], running[i].sum, w.y + i * size);
}

/// score[j] = q . key j for the 64 keys of a page, minus infinity unless from <= j < end; returns the largest.
float score_keys(const float* q, const float* k, int64_t D, int64_t from, int64_t end, float* score) {
  constexpr int vectors = key_block / W, at_once = vectors < 8 ? vectors : 8;
  vf most = set1(-infinity);
  for (int v = 0; v < vectors; v += at_once) {
    vf sum[at_once]{};
    for (int64_t d = 0; d < D; ++d) {
      const vf x = set1(q[d]);
#pragma GCC unroll 8
      for (int i = 0; i < at_once; ++i) sum[i] = fma(load(k + d * key_block + (v + i) * W), x, sum[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < at_once; ++i) {
      const vi key = lane_index() + (v + i) * W;
      const vi inside = (key >= static_cast<int32_t>(from)) & (key < static_cast<int32_t>(end));
      const vf seen = inside ? sum[i] : set1(-infinity);
      store(score + (v + i) * W, seen);
      most = max(seen, most);
    }
  }
  return max_lanes(most);
}

/// y[d] = y[d] shrink + sum_j p[j] v[j][d] over keys [from, end), or without the first term.
template <int V>
void weigh_values(const float* p, const float* v, int64_t D, int64_t from, int64_t end, bool first,
                  float shrink, float* y) {
  vf sum[V]{};
  for (int64_t j = from; j < end; ++j)
#pragma GCC unroll 4
    for (int i = 0; i < V; ++i) sum[i] = fma(load(v + j * D + i * W), set1(p[j]), sum[i]);
#pragma GCC unroll 4
  for (int i = 0; i < V; ++i) store(y + i * W, first ? sum[i] : load(y + i * W) * shrink + sum[i]);
}

/// The running softmax of a query whose keys are in lanes.
struct One {
  float most, sum;
};

/// Adds keys [from, end) of a page to the softmax of one query and to its sums y [D].
void add_page_to_row(const Page& page, int64_t D, int64_t from, int64_t end, const float* q, float* score,
                     One& running, float* y) {
  const bool first = running.sum == 0;
  const float largest = score_keys(q, page.k, D, from, end, score);
  const float most = running.most > largest ? running.most : largest, base = most == -infinity ? 0 : most;
  const float shrink = exp_below_0(set1(running.most - base))[0];
  for (int64_t j = 0; j < key_block; j += W) store(score + j, exp_below_0(load(score + j) - base));
  float sum = running.sum * shrink;
  for (int64_t j = from; j < end; ++j) sum += score[j];
  running = {most, sum};
  int64_t d = 0;
  for (; d + 4 * W <= D; d += 4 * W) weigh_values<4>(score, page.v + d, D, from, end, first, shrink, y + d);
  for (; d + W <= D; d += W) weigh_values<1>(score, page.v + d, D, from, end, first, shrink, y + d);
  if (d == D) return;
  vf rest{};
  for (int64_t j = from; j < end; ++j) rest = fma(load_part(page.v + j * D + d, D - d), set1(score[j]), rest);
  store(y + d, first ? rest : load(y + d) * shrink + rest);
}

/// Few queries: all that read head `kv` of sequence b take turns at each page.
void attend_rows(const PagedAttention& p, const AttentionForward& a, int64_t b, int64_t kv,
                 const PagedWork& w) {
  const int64_t sharing = a.H / a.Hkv, rows = sharing * a.Tq, width = PagedWork::width(p);
  One* const running = reinterpret_cast<One*>(w.lse);
  const auto head = [&](int64_t r) { return kv * sharing + r / a.Tq; };
  for (int64_t r = 0; r < rows; ++r) {
    const float* q = head_of(a, a.q, head(r))[r % a.Tq];
    for (int64_t d = 0; d < a.D; ++d) w.q[r * width + d] = q[d] * static_cast<float>(a.scale);
    running[r] = {-infinity, 0};
  }
  const auto end_of = [&](int64_t r) {
    return a.Tk - a.Tq + r % a.Tq + 1;
  };  // its own key and those before it
  const auto first_of = [&](int64_t r) { return end_of(r) < a.window ? 0 : end_of(r) - a.window; };
  for (int64_t from = first_of(0) / key_block * key_block; from < a.Tk; from += key_block) {
    const Page page = open_page(p, b, from, kv, w.page);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t first = first_of(r) - from, end = smaller(end_of(r) - from, key_block);
      if (first < end)
        add_page_to_row(page, a.D, first < 0 ? 0 : first, end, w.q + r * width, w.scores, running[r],
                        w.y + r * width);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    float* y = head_of(a, a.y, head(r))[r % a.Tq];
    const float share = 1 / running[r].sum;
    for (int64_t d = 0; d < a.D; ++d) y[d] = w.y[r * width + d] * share;
  }
}

}  // namespace

// A page holds keys transposed, so that one query meets 64 of them at once: lanes are keys, and no sum crosses lanes.
// With many queries, lanes are queries and the products are attention.forward's. Either way a score is summed over d in
// order, and probabilities and values over the keys of a page in order, so a query has the same bits alone and among
// others.
template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const PagedAttention& p) {
  static_assert(PagedWork::group == query_group && PagedWork::block >= query_block);
  const int64_t Hkv = p.pages.layout.Hkv;
  const bool few = p.T < queries_in_lanes;
  const int64_t groups = blocks_of(p.T, query_group), of_each = few ? Hkv : p.H * groups;
  parallel_for(launch, p.B * of_each, [&](int64_t begin, int64_t end, int worker) {
    const PagedWork w(p, launch.scratch, worker);
    for (int64_t item = begin; item < end; ++item) {
      const int64_t b = item / of_each, i = item % of_each;
      const AttentionForward a = of_sequence(p, b);
      if (few)
        attend_rows(p, a, b, i, w);
      else
        attend_group(p, a, b, group_of(a, i / groups, i % groups * query_group, query_group), w);
    }
  });
}

}  // namespace hewn
