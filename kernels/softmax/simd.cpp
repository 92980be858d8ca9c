#include "kernels/softmax/abi.h"

#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_rows.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

/// Softmax of the first `seen` of n values, 0 for the rest: each piece's exponentials are relative to the
/// largest value up to that piece, then every piece is scaled to the overall maximum. `next` and `most` as
/// in row_max_sum_exp.
void forward_row(const float* x, float* y, int64_t n, int64_t seen, Piece next, float& most) {
  float most_at[max_pieces];
  const MaxSum total = row_max_sum_exp(x, seen, next, most, most_at,
                                       [=](int64_t, int64_t i, auto lanes, vf e) { store(y + i, e, lanes); });
  const int64_t length = piece_length(seen);
  for (int64_t start = 0, piece = 0; start < seen; start += length, ++piece) {
    const float behind = most_at[piece] - total.most;
    const double down = behind == 0 ? 1 : static_cast<double>(exp(set1(behind))[0]);
    const vf scale = set1(static_cast<float>(down / total.sum));
    for_lanes(start, start + length < seen ? start + length : seen,
              [=](int64_t i, auto lanes) { store(y + i, load(y + i, lanes) * scale, lanes); });
  }
  for_lanes(seen, n, [=](int64_t i, auto lanes) { store(y + i, vf{}, lanes); });
}

/// Whether rows are stored past the caches: this pays off for rows of one piece; for longer rows, reading a
/// line before it is overwritten is hidden behind the exponentials.
bool streams(const SoftmaxForward& a) {
  const bool aligned = reinterpret_cast<uintptr_t>(a.y) % HEWN_VBYTES == 0 && a.cols % W == 0;
  return aligned && a.queries == 0 && a.cols <= shortest_piece &&
         way_for(Write::set, a.rows * a.cols, a.x == a.y) == To::past_caches;
}

/// Rows [begin, end) of n values, one piece each, with the same bits as forward_row: while the processor
/// computes the exponentials of one row, those of the previous row are stored to memory from the stack.
void stream_rows(const float* x, float* y, int64_t n, int64_t begin, int64_t end) {
  if (begin == end) return;
  float exps[2][shortest_piece], most_at[max_pieces], most = row_max(x + begin * n, n);
  vf scale{};
  for (int64_t r = begin; r < end; ++r) {
    const bool first = r == begin;
    float *now = exps[r % 2], *before = exps[(r + 1) % 2], *to = y + (r - 1) * n;
    const Piece next{x + (r + 1) * n, r + 1 < end ? n : 0};
    const MaxSum total =
        row_max_sum_exp(x + r * n, n, next, most, most_at, [=](int64_t, int64_t i, auto lanes, vf e) {
          store(now + i, e, lanes);
          if (!first) store_past_caches(to + i, load(before + i) * scale);
        });
    scale = set1(static_cast<float>(1 / total.sum));
  }
  stream_lanes(y + (end - 1) * n, 0, n, [last = exps[(end - 1) % 2], scale](int64_t i, auto lanes) {
    return load(last + i, lanes) * scale;
  });
}

/// The same in double: the largest value, then the exponentials and their sum, then each by that.
void forward_row(const double* x, double* y, int64_t n, int64_t seen) {
  constexpr double nothing = -__builtin_inf();
  vd most = set1(nothing), sum{};
  for_lanes<WD>(0, seen, [&](int64_t i, auto lanes) {
    const vd v = load(x + i, lanes, nothing);
    most = v > most ? v : most;  // NaN is skipped here, and found by the exponentials
  });
  double largest = most[0];
  for (int i = 1; i < WD; ++i) largest = largest < most[i] ? most[i] : largest;
  for_lanes<WD>(0, seen, [&](int64_t i, auto lanes) {
    const vd e = exp_below_0(load(x + i, lanes, nothing) - largest);
    sum += e;
    store(y + i, e, lanes);
  });
  const double scale = 1 / sum_lanes(sum);
  for_lanes<WD>(0, seen, [&](int64_t i, auto lanes) { store(y + i, load(y + i, lanes) * scale, lanes); });
  for_lanes<WD>(seen, n, [&](int64_t i, auto lanes) { store(y + i, vd{}, lanes); });
}

void forward_rows(const Launch& launch, const SoftmaxForward& a) {
  const auto* x = static_cast<const double*>(a.x);
  auto* y = static_cast<double*>(a.y);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) forward_row(x + r * a.cols, y + r * a.cols, a.cols, visible(a, r));
  });
}

template <To to>
void backward_row(const float* y, const float* dy, float* dx, int64_t n, int64_t seen) {
  double sum[1];
  sum_lanes_of_row(seen, sum, [=](int64_t i, auto lanes, vf* add) {
    add[0] = fma(load_ahead(y + i, lanes), load_ahead(dy + i, lanes), add[0]);
  });
  const vf dot = set1(static_cast<float>(sum[0]));
  write_lanes<to>(dx, 0, seen,
                  [=](int64_t i, auto lanes) { return load(y + i, lanes) * (load(dy + i, lanes) - dot); });
  if (to != To::add) for_lanes(seen, n, [=](int64_t i, auto lanes) { store(dx + i, vf{}, lanes); });
}

}  // namespace

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const SoftmaxForward& a) {
  if (a.dtype == DType::f64) return forward_rows(launch, a);
  const auto* x = static_cast<const float*>(a.x);
  auto* y = static_cast<float*>(a.y);
  const bool stream = streams(a);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    if (stream) {
      stream_rows(x, y, a.cols, begin, end);
      return finish_stream();
    }
    const auto first_of = [&](int64_t r) {
      return r < end ? first_piece(x + r * a.cols, visible(a, r)) : Piece{x, 0};
    };
    float most = row_max(first_of(begin).x, first_of(begin).n);
    for (int64_t r = begin; r < end; ++r)
      forward_row(x + r * a.cols, y + r * a.cols, a.cols, visible(a, r), first_of(r + 1), most);
  });
}

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const SoftmaxBackward& a) {
  const auto *y = static_cast<const float*>(a.y), *dy = static_cast<const float*>(a.dy);
  auto* dx = static_cast<float*>(a.dx);
  const auto row = choose(way_for(a.to_dx, a.rows * a.cols), backward_row<To::set>, backward_row<To::add>,
                          backward_row<To::past_caches>);
  parallel_for(launch, a.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      row(y + r * a.cols, dy + r * a.cols, dx + r * a.cols, a.cols, visible(a, r));
    finish_stream();
  });
}

}  // namespace hewn
