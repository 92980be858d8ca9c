#include "kernels/rotary/abi.h"

#include <cmath>

#include "kernels/gpu/tiles/elements.cuh"

namespace hewn {
namespace {

constexpr int threads = 128;

template <class T>
struct Rotation {
  T cosine, sine;
};

/// Computes position blockIdx.y, one pair per thread, in double: angles grow with the position, and a float
/// would be too inaccurate.
template <class T>
__global__ void __launch_bounds__(threads, blocks_with(threads, 48))
    make_table(Rotary a, Rotation<T>* table) {
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i >= a.D / 2) return;
  const double frequency = std::pow(a.base, -2 * static_cast<double>(i) / static_cast<double>(a.D));
  const int64_t start = a.position ? *a.position : a.start;
  for (int64_t t = blockIdx.y; t < a.T; t += gridDim.y) {
    const double angle = a.direction * static_cast<double>(start + t) * frequency;
    table[t * (a.D / 2) + i] = {static_cast<T>(std::cos(angle)), static_cast<T>(std::sin(angle))};
  }
}

/// One pair of a row per thread: blockIdx.x and threads count the pairs of all rows of a head, y and its
/// strides the heads, z and its strides the batches.
template <class E, class T>
__global__ void __launch_bounds__(threads, blocks_with(threads, 48))
    rotate(Rotary a, const Rotation<T>* table) {
  const int64_t at = int64_t{blockIdx.x} * threads + threadIdx.x, pairs = a.D / 2;
  if (at >= a.T * pairs) return;
  const int64_t t = at / pairs, i = at % pairs;
  const bool half = a.pairs == RotaryPairs::half;
  const int64_t first = half ? i : 2 * i, second = half ? i + pairs : 2 * i + 1;
  const Rotation<T> by = table[at];
  for (int64_t b = blockIdx.z; b < a.B; b += gridDim.z)
    for (int64_t h = blockIdx.y; h < a.H; h += gridDim.y) {
      const E* x = static_cast<const E*>(a.x.data) + b * a.x.batch + h * a.x.head + t * a.x.row;
      E* y = static_cast<E*>(a.y.data) + b * a.y.batch + h * a.y.head + t * a.y.row;
      const T x1 = load_as<T>(x + first), x2 = load_as<T>(x + second);
      const bool rotated = h < a.rotated;
      write(y + first, rotated ? x1 * by.cosine - x2 * by.sine : x1, a.to_y);
      write(y + second, rotated ? x2 * by.cosine + x1 * by.sine : x2, a.to_y);
    }
}

unsigned at_most(int64_t n, unsigned most) { return n < most ? static_cast<unsigned>(n) : most; }

/// Elements of type E, computed in T.
template <class E, class T>
void rotary(const Launch& on, const Rotary& a) {
  auto* const table = static_cast<Rotation<T>*>(on.scratch);
  launch(on, "rotary_table", {Extent(blocks_for(a.D / 2, threads), at_most(a.T, 65535)), threads},
         make_table<T>, a, table);
  const Extent blocks(blocks_for(a.T * (a.D / 2), threads), at_most(a.H, 65535), at_most(a.B, 65535));
  launch(on, "rotary", {blocks, threads}, rotate<E, T>, a, static_cast<const Rotation<T>*>(table));
}

}  // namespace

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const Rotary& a) {
  with_element(a.dtype, [&]<class E>(E x) { rotary<E, decltype(number(x))>(on, a); });
}

}  // namespace hewn
