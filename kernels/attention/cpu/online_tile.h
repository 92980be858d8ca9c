#pragma once
// The softmax of a block of queries over the keys seen so far: a running maximum and sum per lane. Every query has its
// own lane, and its sums run over all keys of a block of `key_block` in order, so its result has the same
// bits in any block and among any other queries.

#include "kernels/attention/cpu/tile.h"

namespace hewn {
namespace {

/// The running maximum and sum of each query's softmax.
struct Running {
  vf most[2] = {set1(-infinity), set1(-infinity)};
  vf sum[2] = {};
};

/// Sets scores to minus infinity where the query does not attend to the key.
[[maybe_unused]] void mask_scores(float* scores, const Keys& keys, const Queries& block) {
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

/// Replaces scores by exp(score - running maximum), 0 for keys past the diagonal. Returns in `shrink` the factors by
/// which all sums under the previous maximum must be multiplied.
[[maybe_unused]] void take_exponentials(float* scores, const Keys& keys, Running& running, vf (&shrink)[2]) {
  for (int v = 0; v < 2; ++v) {
    const int64_t n = v == 0 ? keys.both : keys.n;
    vf most = running.most[v];
    for (int64_t j = 0; j < n; ++j) most = max(load(scores + j * query_block + v * W), most);
    // While all scores are -inf, use 0 instead: -inf - -inf would be NaN.
    const vf base = most == -infinity ? vf{} : most;
    shrink[v] = exp_below_0(running.most[v] - base);
    vf sum = running.sum[v] * shrink[v];
    for (int64_t j = 0; j < n; ++j) {
      float* s = scores + j * query_block + v * W;
      const vf p = exp_below_0(load(s) - base);
      store(s, p);
      sum += p;
    }
    for (int64_t j = n; j < keys.n; ++j) store(scores + j * query_block + v * W, vf{});
    running.most[v] = most;
    running.sum[v] = sum;
  }
}

}  // namespace
}  // namespace hewn
