#include "kernels/rotary/abi.h"

#include "kernels/contract/parallel.h"
#include "kernels/simd/vec.h"

namespace hewn {
namespace {

/// The factors of a block of positions: y_d = cosine_d x_d + sine_d x_partner(d); sine includes the sign for
/// its element of the pair.
struct Table {
  float *cosine, *sine;  ///< [rotary_block][D]
  HEWN_INLINE void put(const Rotary& a, int64_t row, int64_t i, double c, double s) const {
    const bool half = a.pairs == RotaryPairs::half;
    const int64_t first = row * a.D + (half ? i : 2 * i), second = half ? first + a.D / 2 : first + 1;
    cosine[first] = cosine[second] = static_cast<float>(c);
    sine[first] = static_cast<float>(-s);
    sine[second] = static_cast<float>(s);
  }
};

/// Rows for positions `at` to at + n - 1, all in one block of positions. The angles of the block's first position are
/// computed individually; each further one rotates the previous one by the frequency, in double, which costs a few units
/// in the last place over 16 rows. A position's row is therefore the same wherever the text in this launch begins.
void fill_table(const Rotary& a, int64_t at, int64_t n, const Table& table) {
  const int64_t begin = at / rotary_block * rotary_block;
  for (int64_t i = 0; i < a.D / 2; ++i) {
    const double frequency =
        a.direction * __builtin_pow(a.base, -2 * static_cast<double>(i) / static_cast<double>(a.D));
    const double angle = static_cast<double>(begin) * frequency;
    double c = __builtin_cos(angle), s = __builtin_sin(angle);
    const double step_c = __builtin_cos(frequency), step_s = __builtin_sin(frequency);
    for (int64_t row = begin - at; row < n; ++row) {
      if (row >= 0) table.put(a, row, i, c, s);
      const double next = c * step_c - s * step_s;
      s = s * step_c + c * step_s;
      c = next;
    }
  }
}

/// Exchanges the lanes 2i and 2i + 1.
HEWN_INLINE vf swap_neighbours(vf x) {
#if HEWN_VBYTES == 64
  return __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
#elif HEWN_VBYTES == 32
  return __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
#else
  return __builtin_shufflevector(x, x, 1, 0, 3, 2);
#endif
}

/// One row of D elements.
HEWN_INLINE void rotate(const Rotary& a, const float* x, const float* cosine, const float* sine, float* y) {
  const auto put = [&](int64_t d, vf partner, auto lanes) {
    write(y + d, fma(load(cosine + d, lanes), load(x + d, lanes), load(sine + d, lanes) * partner), a.to_y,
          lanes);
  };
  if (a.pairs == RotaryPairs::interleaved) {
    for_lanes(0, a.D, [&](int64_t d, auto lanes) { put(d, swap_neighbours(load(x + d, lanes)), lanes); });
  } else {
    const int64_t half = a.D / 2;
    for_lanes(0, half, [&](int64_t d, auto lanes) { put(d, load(x + d + half, lanes), lanes); });
    for_lanes(half, a.D, [&](int64_t d, auto lanes) { put(d, load(x + d - half, lanes), lanes); });
  }
}

}  // namespace

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const Rotary& a) {
  const auto* x = static_cast<const float*>(a.x.data);
  auto* y = static_cast<float*>(a.y.data);
  const int64_t skipped = a.start % rotary_block;  // positions of the first block before the first row
  parallel_for(launch, blocks_of(skipped + a.T, rotary_block), [&](int64_t begin, int64_t end, int worker) {
    float* scratch = static_cast<float*>(launch.scratch) + 2 * rotary_block * a.D * worker;
    const Table table{scratch, scratch + rotary_block * a.D};
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block == 0 ? 0 : block * rotary_block - skipped,
                    until = (block + 1) * rotary_block - skipped, n = (until < a.T ? until : a.T) - first;
      fill_table(a, a.start + first, n, table);
      for (int64_t b = 0; b < a.B; ++b)
        for (int64_t row = 0; row < n; ++row)
          for (int64_t h = 0; h < a.H; ++h) {
            const float* from = x + b * a.x.batch + h * a.x.head + (first + row) * a.x.row;
            float* to = y + b * a.y.batch + h * a.y.head + (first + row) * a.y.row;
            if (h < a.rotated)
              rotate(a, from, table.cosine + row * a.D, table.sine + row * a.D, to);
            else
              for_lanes(0, a.D,
                        [&](int64_t d, auto lanes) { write(to + d, load(from + d, lanes), a.to_y, lanes); });
          }
    }
  });
}

}  // namespace hewn
