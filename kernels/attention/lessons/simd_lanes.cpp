#include "kernels/attention/abi.h"
#include "kernels/attention/cpu/tile.h"
#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_math.h"

namespace hewn {
namespace {

/// A block of queries, one per lane, processes one key after the other. q and y are [D][query_block].
void forward_block(const AttentionForward& a, const Queries& block, float* q, float* y) {
  const int64_t kv = kv_of(a, block.bh);
  const In queries = head_of(a, a.q, block.bh), k = kv_head(a, a.k, kv), v = kv_head(a, a.v, kv);
  transpose_in({queries[block.first], queries.row}, block.n, a.D, static_cast<float>(a.scale), q);
  for (int64_t at = 0; at < a.D * query_block; ++at) y[at] = 0;
  vf most[2] = {set1(-infinity), set1(-infinity)}, sum[2]{};
  for (int64_t key = block.first_key(); key < block.end_key(); ++key) {
    vf score[2]{}, shrink[2], p[2];
    for (int64_t d = 0; d < a.D; ++d)
      for (int g = 0; g < 2; ++g)
        score[g] = fma(set1(k[key][d]), load(q + d * query_block + g * W), score[g]);
    for (int g = 0; g < 2; ++g) {
      score[g] = lanes_that_see(block, key, g * W) ? score[g] : set1(-infinity);
      const vf before = most[g];
      most[g] = max(score[g], before);
      // While all scores are -inf, use 0 instead: -inf - -inf would be NaN.
      const vf base = most[g] == -infinity ? vf{} : most[g];
      shrink[g] = exp(before - base);
      p[g] = exp(score[g] - base);
      sum[g] = sum[g] * shrink[g] + p[g];
    }
    for (int64_t d = 0; d < a.D; ++d)
      for (int g = 0; g < 2; ++g) {
        float* at = y + d * query_block + g * W;
        store(at, fma(set1(v[key][d]), p[g], load(at) * shrink[g]));
      }
  }
  finish_block(a, block, sum, y);
  put_lse(a, block, most, sum);
}

}  // namespace

// Queries in lanes. With keys in lanes, a maximum and a sum require a reduction over the lanes of a vector,
// and each key that is read serves only one query. So swap the roles: 2 W queries, one per lane, process the
// keys one after the other. A key that is read serves all of them, every lane has its own maximum and sum,
// and there are no reductions across lanes. The price: y is read and written for every key.
template <>
void kernel<"lanes", Isa::HEWN_ISA>(const Launch& launch, const AttentionForward& a) {
  const int64_t blocks = blocks_of(a.Tq, query_block);
  parallel_for(launch, a.B * a.H * blocks, [&](int64_t begin, int64_t end, int worker) {
    Scratch scratch(launch, worker);
    float *q = scratch.take(a.D * query_block), *y = scratch.take(a.D * query_block);
    for (int64_t item = begin; item < end; ++item)
      forward_block(a, queries(a, item / blocks, item % blocks * query_block), q, y);
  });
}

}  // namespace hewn
