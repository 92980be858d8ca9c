#include "kernels/attention/abi.h"
#include "kernels/attention/cpu/online_tile.h"
#include "kernels/contract/parallel.h"

namespace hewn {
namespace {

/// A worker's buffers.
struct Workspace {
  float *q, *y;                  ///< [query_group / query_block][D][query_block]; q is scaled
  float* scores;                 ///< [key_block][query_block]
  float *factor_rows, *factors;  ///< of dropout: [query_block][key_block] and [key_block][query_block]
};

/// Applies dropout to the probabilities.
void drop(const AttentionForward& a, const Queries& block, const Keys& keys, const Workspace& w) {
  block_factors(a, block, keys, w.factor_rows, w.factors);
  for (int64_t at = 0; at < keys.n * query_block; at += W)
    store(w.scores + at, load(w.scores + at) * load(w.factors + at));
}

/// Adds keys to the softmax of a block of queries and to its sums; q and y are those of the block.
void add_keys(const AttentionForward& a, const Queries& block, const Keys& some, const float* q,
              const Workspace& w, Running& running, float* y) {
  const int64_t kv = kv_of(a, block.bh);
  const bool first = some.first == block.first_key();
  dot_products(some, kv_head(a, a.k, kv), a.D, q, w.scores, query_block);
  mask_scores(w.scores, some, block);
  vf shrink[2];
  take_exponentials(w.scores, some, running, shrink);
  if (a.dropout > 0) drop(a, block, some, w);
  if (!first) scale_lanes(y, a.D, shrink);
  const In v = kv_head(a, a.v, kv);
  product<2, Order::columns>(a.D, some.n, v[some.first], v.row, w.scores, query_block, y, query_block,
                             first ? Write::set : Write::add);
}

void forward_group(const AttentionForward& a, const Group& group, const Workspace& w) {
  const int64_t size = a.D * query_block;
  Running running[query_group / query_block];
  for (int64_t i = 0; i < group.count; ++i) {
    const Queries& block = group.blocks[i];
    const In q = head_of(a, a.q, block.bh);
    transpose_in({q[block.first], q.row}, block.n, a.D, static_cast<float>(a.scale), w.q + i * size);
  }
  for (int64_t from = group.first_key(); from < group.end_key(); from += key_block)
    for (int64_t i = 0; i < group.count; ++i)
      if (const Keys some = keys(group.blocks[i], from); some.n > 0)
        add_keys(a, group.blocks[i], some, w.q + i * size, w, running[i], w.y + i * size);
  for (int64_t i = 0; i < group.count; ++i) {
    finish_block(a, group.blocks[i], running[i].sum, w.y + i * size);
    put_lse(a, group.blocks[i], running[i].most, running[i].sum);
  }
}

}  // namespace

// Small matrix products. For 64 keys at a time, scores are a product [64, D] [D, queries] and the sums a
// product [D, 64] [64, queries], both computed in tiles of 8 rows (6 on AVX2) by 2 vectors that stay in
// registers: 10 loads for 16 multiply-adds, where the previous rung needs 3 loads and a store for 2. The
// maximum is updated and the sums are rescaled once per 64 keys instead of per key, and the blocks of a group
// of queries take turns at these keys. Keys that no query of a vector attends to are skipped.
template <>
void kernel<"tiled", Isa::HEWN_ISA>(const Launch& launch, const AttentionForward& a) {
  // Groups of one block where there are few items of work; what a block computes does not depend on its group.
  const bool few = a.B * a.H * blocks_of(a.Tq, query_group) < 4 * launch.threads;
  const int64_t each = few ? query_block : query_group, groups = blocks_of(a.Tq, each);
  parallel_for(launch, a.B * a.H * groups, [&](int64_t begin, int64_t end, int worker) {
    Scratch scratch(launch, worker);
    const int64_t group_size = a.D * query_group, scores_size = key_block * query_block;
    const Workspace w{.q = scratch.take(group_size),
                      .y = scratch.take(group_size),
                      .scores = scratch.take(scores_size),
                      .factor_rows = scratch.take(scores_size),
                      .factors = scratch.take(scores_size)};
    for (int64_t item = begin; item < end; ++item) {
      // Alternately from both ends, so that threads get equal shares of short and long rows.
      const int64_t i = item % groups, group = i % 2 ? groups - 1 - i / 2 : i / 2;
      if (groups == 1 && (item == begin || item % a.H == 0))
        read_ahead(a, item, end, {{a.q, a.H}, {a.k, a.Hkv}, {a.v, a.Hkv}, {a.y, a.H}});
      forward_group(a, group_of(a, item / groups, group * each, each), w);
    }
  });
}

}  // namespace hewn
