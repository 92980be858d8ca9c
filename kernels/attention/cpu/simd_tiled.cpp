#include "kernels/attention/cpu/tile.h"
#include "kernels/attention/kernels.h"
#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_math.h"

namespace hewn {
namespace {

/// The running maximum and sum of each query's softmax.
struct Running {
  vf most[2], sum[2];
};

/// A worker's buffers.
struct Workspace {
  float* q;                      ///< [D][query_block], scaled
  float* scores;                 ///< [key_block][query_block]
  float* y;                      ///< [D][query_block]
  float *factor_rows, *factors;  ///< of dropout: [query_block][key_block] and [key_block][query_block]
};

/// Sets the scores of keys that a query does not attend to to minus infinity.
void mask_scores(float* scores, const Keys& keys, const Queries& block) {
  for (int64_t lane = 0; lane < query_block; lane += W) {
    const auto mask = [&](int64_t from, int64_t to) {
      for (int64_t j = from; j < to; ++j) {
        float* s = scores + j * query_block + lane;
        store(s, lanes_that_see(block, keys.first + j, lane) ? load(s) : set1(-infinity));
      }
    };
    const int64_t n = lane == 0 ? keys.both : keys.n, from = block.seen_from(lane) - keys.first,
                  to = block.seen_to(lane) - keys.first;
    mask(0, smaller(from, n));
    mask(to < 0 ? 0 : to, n);
  }
}

/// Replaces scores by exp(score - running maximum). Returns in `shrink` the factors by which all sums under
/// the previous maximum must be multiplied.
void take_exponentials(float* scores, const Keys& keys, Running& running, vf (&shrink)[2]) {
  for (int v = 0; v < 2; ++v) {
    const int64_t n = v == 0 ? keys.both : keys.n;
    vf most = running.most[v];
    for (int64_t j = 0; j < n; ++j) most = max(load(scores + j * query_block + v * W), most);
    // While all scores are -inf, use 0 instead: -inf - -inf would be NaN.
    const vf base = most == -infinity ? vf{} : most;
    shrink[v] = exp(running.most[v] - base);
    vf sum = running.sum[v] * shrink[v];
    for (int64_t j = 0; j < n; ++j) {
      float* s = scores + j * query_block + v * W;
      const vf p = exp(load(s) - base);
      store(s, p);
      sum += p;
    }
    running.most[v] = most;
    running.sum[v] = sum;
  }
}

/// Applies dropout to the probabilities.
void drop(const AttentionForward& a, const Queries& block, const Keys& keys, const Workspace& w) {
  block_factors(a, block, keys, w.factor_rows, w.factors);
  for (int64_t at = 0; at < keys.n * query_block; at += W)
    store(w.scores + at, load(w.scores + at) * load(w.factors + at));
}

void forward_block(const AttentionForward& a, const Queries& block, const Workspace& w) {
  const int64_t kv = kv_of(a, block.bh);
  const In q = head_of(a, a.q, block.bh), k = kv_head(a, a.k, kv), v = kv_head(a, a.v, kv);
  transpose_in({q[block.first], q.row}, block.n, a.D, static_cast<float>(a.scale), w.q);
  Running running{{set1(-infinity), set1(-infinity)}, {}};
  const int64_t start = block.first_key();
  for (int64_t first = start; first < block.end_key(); first += key_block) {
    const Keys some = keys(block, first);
    dot_products(some, k, a.D, w.q, w.scores);
    mask_scores(w.scores, some, block);
    vf shrink[2];
    take_exponentials(w.scores, some, running, shrink);
    if (a.dropout > 0) drop(a, block, some, w);
    if (first > start) scale_lanes(w.y, a.D, shrink);
    weighted_sums(some, v, a.D, w.scores, w.y, first == start ? Write::set : Write::add);
  }
  finish_block(a, block, running.most, running.sum, w.y);
}

}  // namespace

// Small matrix products. For 64 keys at a time, scores are a product [64, D] [D, queries] and the sums a
// product [D, 64] [64, queries], both computed in tiles of 8 rows by 2 vectors that stay in registers: 10
// loads for 16 multiply-adds, where the previous rung needs 3 loads and a store for 2. The maximum is
// updated and the sums are rescaled once per 64 keys instead of per key. Keys that no query of a vector
// attends to are skipped.
template <>
void attention_tiled<Isa::HEWN_ISA>(const Launch& launch, const AttentionForward& a) {
  const int64_t blocks = blocks_of(a.Tq, query_block);
  parallel_for(launch, a.B * a.H * blocks, [&](int64_t begin, int64_t end, int worker) {
    Scratch scratch(launch, worker);
    const int64_t block_size = a.D * query_block, scores_size = key_block * query_block;
    const Workspace w{.q = scratch.take(block_size),
                      .scores = scratch.take(scores_size),
                      .y = scratch.take(block_size),
                      .factor_rows = scratch.take(scores_size),
                      .factors = scratch.take(scores_size)};
    for (int64_t item = begin; item < end; ++item) {
      // Alternately from both ends, so that threads get equal shares of short and long rows.
      const int64_t i = item % blocks, block = i % 2 ? blocks - 1 - i / 2 : i / 2;
      forward_block(a, queries(a, item / blocks, block * query_block), w);
    }
  });
}

}  // namespace hewn
