#include "kernels/reduce/abi.h"

#include "kernels/contract/parallel.h"
#include "kernels/simd/vec.h"

namespace hewn {
namespace {

struct Sum {
  static constexpr float start = 0;
  HEWN_INLINE static vf combine(vf a, vf b) { return a + b; }
  HEWN_INLINE static float lanes(vf v) { return sum_lanes(v); }
  using Total = double;
  HEWN_INLINE static double combine(double a, float b) { return a + static_cast<double>(b); }
};

struct Max {
  static constexpr float start = -__builtin_inff();
  /// NaN propagates.
  HEWN_INLINE static vf combine(vf a, vf b) { return ((a >= b) | (a != a)) ? a : b; }
  HEWN_INLINE static float lanes(vf v) {
    float most = v[0];
    for (int i = 1; i < W; ++i) most = combine(most, v[i]);
    return most;
  }
  using Total = float;
  HEWN_INLINE static float combine(float a, float b) { return a >= b || a != a ? a : b; }
};

/// n consecutive elements, four vectors at a time, so that additions need not wait for each other.
template <class Op>
float reduce_row(const float* x, int64_t n) {
  vf part[4] = {set1(Op::start), set1(Op::start), set1(Op::start), set1(Op::start)};
  int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W)
    for (int k = 0; k < 4; ++k) part[k] = Op::combine(part[k], load(x + i + k * W));
  for (; i + W <= n; i += W) part[0] = Op::combine(part[0], load(x + i));
  if (i < n) part[1] = Op::combine(part[1], load_part(x + i, n - i, Op::start));
  return Op::lanes(Op::combine(Op::combine(part[0], part[1]), Op::combine(part[2], part[3])));
}

/// Columns [begin, end) of n rows, `step` apart.
template <class Op>
void reduce_columns(const float* x, int64_t n, int64_t step, int64_t begin, int64_t end, float* out) {
  int64_t c = begin;
  for (; c + 4 * W <= end; c += 4 * W) {
    vf part[4] = {set1(Op::start), set1(Op::start), set1(Op::start), set1(Op::start)};
    for (int64_t i = 0; i < n; ++i)
      for (int k = 0; k < 4; ++k) part[k] = Op::combine(part[k], load(x + i * step + c + k * W));
    for (int k = 0; k < 4; ++k) store(out + c + k * W, part[k]);
  }
  for_lanes(c, end, [&](int64_t at, auto lanes) {
    vf part = set1(Op::start);
    for (int64_t i = 0; i < n; ++i) part = Op::combine(part, load(x + i * step + at, lanes));
    store(out + at, part, lanes);
  });
}

/// parts[o, b, c] = the result of block b of [0, n), for b = 0 .. blocks - 1.
template <class Op>
void reduce_blocks(const Launch& launch, const Reduce& a, int64_t block, float* parts) {
  const float* x = static_cast<const float*>(a.x);
  const int64_t blocks = blocks_of(a.n, block), strips = blocks_of(a.inner, 64);
  parallel_for(launch, a.outer * blocks * strips, [&](int64_t begin, int64_t end, int) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t o = item / strips / blocks, b = item / strips % blocks, strip = item % strips;
      const int64_t first = b * block, n = first + block < a.n ? block : a.n - first;
      const float* from = x + (o * a.n + first) * a.inner;
      float* out = parts + (o * blocks + b) * a.inner;
      if (a.inner == 1)
        *out = reduce_row<Op>(from, n);
      else
        reduce_columns<Op>(from, n, a.inner, strip * 64,
                           strip * 64 + 64 < a.inner ? strip * 64 + 64 : a.inner, out);
    }
  });
}

template <class Op>
void reduce(const Launch& launch, const Reduce& a) {
  const int64_t block = a.inner == 1 ? row_block : column_block, blocks = blocks_of(a.n, block);
  const float* parts = static_cast<const float*>(launch.scratch);
  reduce_blocks<Op>(launch, a, block, static_cast<float*>(launch.scratch));
  float* y = static_cast<float*>(a.y);
  parallel_elements(launch, a.outer * a.inner, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* part = parts + i / a.inner * blocks * a.inner + i % a.inner;
      typename Op::Total total = Op::start;
      for (int64_t b = 0; b < blocks; ++b) total = Op::combine(total, part[b * a.inner]);
      const auto result = static_cast<float>(a.scale * static_cast<double>(total));
      y[i] = a.to_y == Write::add ? y[i] + result : result;
    }
  });
}

}  // namespace

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const Reduce& a) {
  a.op == ReduceOp::sum ? reduce<Sum>(launch, a) : reduce<Max>(launch, a);
}

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const Expand& a) {
  const float* x = static_cast<const float*>(a.x);
  float* y = static_cast<float*>(a.y);
  const auto scale = static_cast<float>(a.scale);
  // Rows along which lanes run: of `inner` elements, or of n equal elements.
  const int64_t rows = a.inner == 1 ? a.outer : a.outer * a.n, cols = a.inner == 1 ? a.n : a.inner;
  parallel_for(launch, rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      if (a.inner == 1) {
        const vf v = set1(scale * x[r]);
        for_lanes(r * cols, (r + 1) * cols, [&](int64_t i, auto lanes) { write(y + i, v, a.to_y, lanes); });
      } else {
        const float* from = x + r / a.n * cols;
        for_lanes(0, cols, [&](int64_t i, auto lanes) {
          write(y + r * cols + i, load(from + i, lanes) * scale, a.to_y, lanes);
        });
      }
    }
  });
}

}  // namespace hewn
