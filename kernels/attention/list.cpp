#include <algorithm>

#include "kernels/attention/abi.h"
#include "kernels/attention/gpu/splits.h"
#include "kernels/contract/contract.h"

namespace hewn {
namespace {

/// Pairs of a query and a key that it attends to, over all heads.
double visible_pairs(const AttentionSizes& a) {
  // A query at position t attends to min(t + 1, window) keys.
  const auto up_to = [&](int64_t t) {
    const auto few = static_cast<double>(t < a.window ? t : a.window);
    return few * (few + 1) / 2 + (static_cast<double>(t) - few) * static_cast<double>(a.window);
  };
  return static_cast<double>(a.B * a.H) * (up_to(a.Tk) - up_to(a.Tk - a.Tq));
}

/// Elements of the queries of all heads, and of the keys that at least one query attends to.
double query_elements(const AttentionSizes& a) { return static_cast<double>(a.B * a.H * a.Tq * a.D); }
double key_elements(const AttentionSizes& a) {
  const int64_t seen = a.window < a.Tk ? std::min(a.Tk, a.Tq + a.window - 1) : a.Tk;
  return static_cast<double>(a.B * a.Hkv * seen * a.D);
}

double lse_bytes(const AttentionSizes& a) {
  return static_cast<double>(a.B * a.H * a.Tq) * static_cast<double>(size_of(a.lse_dtype()));
}

/// Per visible pair: two dot products of length D, and 11 operations for the softmax (see its room). Queries,
/// keys and values are read once, y and lse written once.
Cost cost_of(const AttentionForward& a) {
  const auto d = static_cast<double>(a.D), q = query_elements(a);
  return {visible_pairs(a) * (4 * d + 11),
          (2 * q + 2 * key_elements(a)) * static_cast<double>(size_of(a.dtype)) + lse_bytes(a)};
}

/// Per visible pair: five dot products of length D, 14 operations for the probability and its gradient.
Cost cost_of(const AttentionBackward& a) {
  const auto d = static_cast<double>(a.D), q = query_elements(a);
  return {visible_pairs(a) * (10 * d + 14),
          (4 * q + 4 * key_elements(a)) * static_cast<double>(size_of(a.dtype)) + lse_bytes(a)};
}

/// One exponential per visible pair.
Needs needs_of(const AttentionForward& a) { return {.exps = visible_pairs(a)}; }
Needs needs_of(const AttentionBackward& a) { return {.exps = visible_pairs(a)}; }

size_t reference_scratch(const AttentionForward& a, int) {
  return static_cast<size_t>(a.Tk + a.D) * sizeof(double);
}
size_t reference_scratch(const AttentionBackward& a, int) {
  return static_cast<size_t>(2 * a.D) * sizeof(double);
}

/// Matrices of scores for the heads that threads compute at the same time.
size_t matrices(const AttentionSizes& a, int threads, int64_t n) {
  return static_cast<size_t>(n * a.Tq * a.Tk * threads) * size_of(a.dtype);
}
size_t naive_scratch(const AttentionForward& a, int threads) { return matrices(a, threads, 1); }
size_t naive_scratch(const AttentionBackward& a, int threads) { return matrices(a, threads, 2); }

// Scratch of the SIMD rungs, for the widest vectors (16 lanes; blocks of 32 queries, groups of 64, and 64 keys).
// All workers get equal shares, which they divide into pieces aligned to 64 bytes.
constexpr int64_t query_block = 32, query_group = 64, key_block = 64;

size_t shares(int64_t floats_per_worker, int threads) {
  const int64_t with_gaps = (floats_per_worker + 16 * 16) / 16 * 16;
  return static_cast<size_t>(with_gaps * threads) * sizeof(float);
}

size_t rows_scratch(const AttentionForward& a, int threads) { return shares(a.Tk, threads); }

size_t online_scratch(const AttentionForward& a, int threads) { return shares(a.D, threads); }
size_t online_scratch(const AttentionBackward& a, int threads) {
  return shares((2 * a.Tk + 1) * a.D, threads);
}

size_t tiled_scratch(const AttentionForward& a, int threads) {
  return shares(2 * a.D * query_group + 3 * key_block * query_block, threads);
}
size_t tiled_scratch(const AttentionBackward& a, int threads) {
  const int64_t width = (a.D + 15) / 16 * 16;
  const int64_t group = (3 * a.D + 2 * width + 2 * key_block + 2) * query_group + 2 * key_block * query_block;
  const int64_t parts = backward_parts_scratch(a);
  return parts > 0 ? static_cast<size_t>(parts) * sizeof(float) + shares(group, threads)
                   : shares(group + 2 * a.Tk * width, threads);
}

template <class A>
const char* no_bf16(const A& a) {
  return a.dtype == DType::bf16 ? "f32 and f64 only" : nullptr;
}

const char* plain_queries(const AttentionForward& a) {
  return a.dropout > 0 ? "without dropout only" : f32_only(a);
}

/// Fewer would leave most lanes empty.
const char* enough_queries(const AttentionBackward& a) {
  return a.Tq < 8 ? "at least 8 queries only" : f32_only(a);
}

/// GPU kernels count positions and heads in 32 bits.
template <class A>
const char* gpu_counts(const A& a) {
  constexpr int64_t most = 0x7fffffff;
  return std::max(a.Tk, a.capacity) < most / 2 && a.D < most / 2 && a.B * a.H < most &&
                 a.B * a.H * (a.Tq / 64 + 1) < most && a.B * a.Hkv * (a.Tk / 64 + 1) < most
             ? nullptr
             : "more positions or heads than 32 bits can count";
}

constexpr const char* keys_on_host = "a number of keys in device memory";

template <class A>
const char* gpu_tiles(const A& a) {
  if (a.dtype != DType::f32) return "f32 only";
  if (a.position) return keys_on_host;
  return a.D <= most_tiled_width ? gpu_counts(a) : "heads of at most 128 only";
}

size_t gpu_scores(const AttentionForward& a, int) {
  return static_cast<size_t>(a.B * a.H * a.Tq * a.Tk) * size_of(a.dtype);
}

const char* gpu_lesson(const AttentionForward& a) {
  if (a.position) return keys_on_host;
  const char* const why = no_bf16(a) ? no_bf16(a) : gpu_counts(a);
  return !why && gpu_scores(a, 1) > size_t{1} << 30 ? "scores of at most 1 GiB only" : why;
}

template <class H>
bool in_pieces(const H& x) {
  return reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && x.batch % 8 == 0 && x.head % 8 == 0 &&
         x.row % 8 == 0;
}
bool in_pieces(const AttentionForward& a) {
  return in_pieces(a.q) && in_pieces(a.k) && in_pieces(a.v) && in_pieces(a.y);
}
bool in_pieces(const AttentionBackward& a) {
  return in_pieces(a.q) && in_pieces(a.k) && in_pieces(a.v) && in_pieces(a.dy) && in_pieces(a.dq) &&
         in_pieces(a.dk) && in_pieces(a.dv);
}

template <class A>
const char* gpu_bf16(const A& a) {
  if (a.dtype != DType::bf16) return "bf16 only";
  if (a.position) return keys_on_host;
  if (a.D > most_tiled_width) return "heads of at most 128 only";
  return a.D % 8 == 0 && in_pieces(a) ? gpu_counts(a) : "rows aligned to 16 bytes only";
}

const char* gpu_few(const AttentionForward& a) {
  if (a.dtype == DType::f64) return "f32 and bf16 only";
  if (a.dropout > 0) return "without dropout only";
  if (a.Tq > few_queries) return "at most 8 queries only: more share the keys that a block loads";
  return a.D <= most_tiled_width ? gpu_counts(a) : "heads of at most 128 only";
}

size_t gpu_pieces(const AttentionForward& a, int) { return key_split_bytes(a); }

/// For dy_i . y_i of each query.
size_t gpu_scratch(const AttentionBackward& a, int) {
  return static_cast<size_t>(a.B * a.H * a.Tq) * size_of(a.lse_dtype());
}

constexpr Rung<AttentionForward> forward_rungs[] = {
    {scalar<"reference">, "one row of scores at a time, in double", reference_scratch},
    {scalar<"naive">, "all scores of a head in memory: scores, then softmax, then sums", no_bf16,
     naive_scratch},
    {per_isa<"online">, "one pass over the keys with a running maximum: no score is stored", f32_only,
     online_scratch},
    {per_isa<"rows">,
     "a row of scores fits in cache: stored there, nothing is rescaled and y stays in registers", f32_only,
     rows_scratch},
    {per_isa<"lanes">,
     "one query per lane: each key or value that is read serves all of them; no sums across lanes",
     plain_queries, tiled_scratch},
    {per_isa<"tiled">, "64 keys at a time: scores and sums are products of small matrices kept in registers",
     f32_only, tiled_scratch},
    {per_gpu<"cuda.naive">, "one thread per query: a row of scores in memory, then softmax, then sums",
     gpu_lesson, gpu_scores},
    {per_gpu<"cuda.rows">,
     "one warp per query, one key per lane, running maximum and sum: no score is stored", gpu_counts},
    {per_gpu<"cuda.tiled">,
     "64 queries per block, up to 64 keys at a time: products of small matrices in registers", gpu_tiles},
    {per_gpu<"cuda.mma">,
     "bf16 on tensor cores: scores stay in a warp's registers as the left operand of the second product",
     gpu_bf16},
    {per_gpu<"cuda.few_queries">,
     "blocks share the keys of a head; each reads a key once for all queries; the pieces are joined "
     "in order",
     gpu_few, gpu_pieces},
};

constexpr Rung<AttentionBackward> backward_rungs[] = {
    {scalar<"reference">,
     "probabilities recomputed from the saved lse, once per query and once per key, in double",
     reference_scratch},
    {scalar<"naive">, "probabilities and score gradients of a head in memory, then three sums", no_bf16,
     naive_scratch},
    {per_isa<"online">,
     "one query at a time, shares of dk and dv added immediately: no probability is stored", f32_only,
     online_scratch},
    {per_isa<"tiled">,
     "one query per lane, 64 keys at a time: five products of small matrices kept in registers",
     enough_queries, tiled_scratch},
    {per_gpu<"cuda.rows">,
     "one warp per query for dq, one per key for dk and dv: no atomics, probabilities computed twice",
     gpu_counts, gpu_scratch},
    {per_gpu<"cuda.tiled">,
     "a block owns 64 rows of dq, or of dk and dv: products of small matrices in registers", gpu_tiles,
     gpu_scratch},
    {per_gpu<"cuda.mma">,
     "bf16 on tensor cores: scores stay in a warp's registers as the left operand of the next product",
     gpu_bf16, gpu_scratch},
};

constexpr Ladder<AttentionForward> forward_ladder{"attention.forward", forward_rungs, cost_of, needs_of};
constexpr Ladder<AttentionBackward> backward_ladder{"attention.backward", backward_rungs, cost_of, needs_of};

}  // namespace

const Ladder<AttentionForward>& ladder_of(const AttentionForward&) { return forward_ladder; }
const Ladder<AttentionBackward>& ladder_of(const AttentionBackward&) { return backward_ladder; }

}  // namespace hewn
