#pragma once
// Loops over one row of floats, shared by softmax, the losses and the norms. The order of every sum depends
// only on the length.

#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_math.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

/// N sums over a row: each(i, lanes, sums) adds what the lanes from element i contribute to each
/// sum, and 0 in the lanes past the end. Short blocks are summed in float, which rounds little, and
/// the blocks in double.
template <int N, class Each>
HEWN_INLINE void sum_lanes_of_row(int64_t n, double (&sums)[N], const Each& each) {
  constexpr int64_t block = 64 * W;
  constexpr int unroll = 4;
  for (double& sum : sums) sum = 0;
  for (int64_t start = 0; start < n; start += block) {
    const int64_t end = start + block < n ? start + block : n;
    vf part[unroll][N] = {};
    int64_t i = start;
    for (; i + unroll * W <= end; i += unroll * W) {
#pragma GCC unroll 4
      for (int u = 0; u < unroll; ++u) each(i + u * W, AllLanes{}, part[u]);
    }
    for_lanes(i, end, [&](int64_t j, auto lanes) { each(j, lanes, part[0]); });
    for (int s = 0; s < N; ++s)
      sums[s] += static_cast<double>(sum_lanes((part[0][s] + part[1][s]) + (part[2][s] + part[3][s])));
  }
}

/// The maximum of n > 0 values; NaNs are ignored.
HEWN_INLINE float row_max(const float* x, int64_t n) {
  const vf least = set1(-__builtin_inff());
  vf most[4] = {least, least, least, least};
  int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
#pragma GCC unroll 4
    for (int u = 0; u < 4; ++u) most[u] = max(load(x + i + u * W), most[u]);
  }
  for_lanes(i, n,
            [&](int64_t j, auto lanes) { most[0] = max(load(x + j, lanes, -__builtin_inff()), most[0]); });
  return max_lanes(max(max(most[0], most[1]), max(most[2], most[3])));
}

/// A row in at most this many pieces, each of whole vectors (but for the row's end) and short enough to stay
/// in the first-level cache unless the row has millions of elements.
constexpr int64_t max_pieces = 64, shortest_piece = 1024;
HEWN_INLINE int64_t piece_length(int64_t n) {
  const int64_t even = (n + max_pieces - 1) / max_pieces;
  return even <= shortest_piece ? shortest_piece : (even + W - 1) / W * W;
}

/// A piece of a row, or none.
struct Piece {
  const float* x;
  int64_t n;
};
HEWN_INLINE Piece first_piece(const float* x, int64_t n) {
  const int64_t length = piece_length(n);
  return {x, length < n ? length : n};
}

/// The largest of a row's values and the sum of their exponentials relative to it.
struct MaxSum {
  float most;
  double sum;
};

/// Maximum and sum of exponentials in one pass over x (Milakov and Gimelshein, "Online normalizer calculation
/// for softmax", 2018): when the maximum grows, the sum so far is rescaled. Calls keep(piece, i, lanes, e)
/// with e = exp(x - most_at[piece]), where most_at[piece] is the maximum up to that piece. All -inf or any
/// +inf makes the sum NaN. While the exponentials of one piece are computed, the next piece is fetched and
/// its maximum computed; after the last piece, that is `next`, the first piece of the following row. `most`
/// is the maximum of the first piece on entry and that of `next` on return.
template <class Keep>
HEWN_INLINE MaxSum row_max_sum_exp(const float* x, int64_t n, Piece next, float& most,
                                   float (&most_at)[max_pieces], const Keep& keep) {
  constexpr float inf = __builtin_inff();
  const int64_t length = piece_length(n);
  MaxSum total{-inf, 0};
  for (int64_t start = 0, piece = 0; start < n; start += length, ++piece) {
    if (most > total.most) {
      total.sum *= static_cast<double>(exp(set1(total.most - most))[0]);
      total.most = most;
    }
    most_at[piece] = total.most;
    const vf m = set1(total.most == -inf ? 0 : total.most);
    const int64_t left = n - start, count = length < left ? length : left;
    const Piece after = left > length ? first_piece(x + start + length, left - length) : next;
    const int64_t both = (after.n < count ? after.n : count) / W * W;
    vf most_after = set1(-inf);
    double sum[1];
    sum_lanes_of_row(count, sum, [&](int64_t i, auto lanes, vf* add) {
      const vf e = exp_below_0(load(x + start + i, lanes, -inf) - m);
      if (i < both) {
        most_after = max(load(after.x + i), most_after);
        always_fetch_ahead(after.x + i);
      }
      keep(piece, start + i, lanes, e);
      add[0] += e;
    });
    total.sum += sum[0];
    most = max_lanes(most_after);
    if (both < after.n) most = Larger{}(row_max(after.x + both, after.n - both), most);
  }
  total.sum += static_cast<double>(total.most - total.most);
  return total;
}

/// Calls done(r, result) with the result of row_max_sum_exp for rows [begin, end) of a matrix.
template <class Done>
HEWN_INLINE void rows_max_sum_exp(const float* x, int64_t begin, int64_t end, int64_t cols,
                                  const Done& done) {
  if (begin == end) return;
  const auto first_of = [=](int64_t r) { return r < end ? first_piece(x + r * cols, cols) : Piece{x, 0}; };
  const Piece first = first_of(begin);
  float most = row_max(first.x, first.n), most_at[max_pieces];
  for (int64_t r = begin; r < end; ++r)
    done(r, row_max_sum_exp(x + r * cols, cols, first_of(r + 1), most, most_at,
                            [](int64_t, int64_t, auto, vf) {}));
}

/// n sums over each block of rows of a matrix: add(r, sums) adds what row r contributes to the sums of its
/// block, which start at 0. Returns the number of blocks; partial is [blocks, n].
template <class Add>
HEWN_INLINE int64_t add_by_blocks(const Launch& launch, int64_t rows, int64_t n, float* partial,
                                  const Add& add) {
  const int64_t blocks = row_blocks(rows), height = rows_per_block(rows);
  parallel_for(launch, blocks, [=](int64_t begin, int64_t end, int) {
    for (int64_t block = begin; block < end; ++block) {
      float* sums = partial + block * n;
      for_lanes(0, n, [=](int64_t i, auto lanes) { store(sums + i, vf{}, lanes); });
      const int64_t last = (block + 1) * height < rows ? (block + 1) * height : rows;
      for (int64_t r = block * height; r < last; ++r) add(r, sums);
    }
    finish_stream();
  });
  return blocks;
}

/// out[i] (set or add) = sum over blocks b, in order, of partial[b * stride + i], for i < n.
HEWN_INLINE void sum_blocks(const float* partial, int64_t blocks, int64_t stride, int64_t n, float* out,
                            Write how) {
  for_lanes(0, n, [=](int64_t i, auto lanes) {
    vf sum{};
    for (int64_t b = 0; b < blocks; ++b) sum += load(partial + b * stride + i, lanes);
    write(out + i, sum, how, lanes);
  });
}

}  // namespace
}  // namespace hewn
