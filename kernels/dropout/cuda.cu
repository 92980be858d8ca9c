#include "kernels/dropout/abi.h"

#include "kernels/dropout/mask.cuh"
#include "kernels/gpu/tiles/elements.cuh"

namespace hewn {
namespace {

constexpr int threads = 256;

/// Half a warp processes a group of 64 elements, each thread every sixteenth of them, so that each access of
/// the half-warp is contiguous.
template <class T, class Factor>
__global__ void __launch_bounds__(threads, blocks_with(threads, 40))
    dropout(Dropout a, uint32_t threshold, Factor factor) {
  const int64_t thread = int64_t{blockIdx.x} * threads + threadIdx.x;
  const int64_t group = thread / 16;
  if (group * 64 >= a.n) return;
  const int lane = static_cast<int>(thread % 16);
  const PhiloxWords words = dropout_words(*a.state, a.site, group, lane);
#pragma unroll
  for (int w = 0; w < 4; ++w) {
    const int64_t i = group * 64 + w * 16 + lane;
    if (i >= a.n) return;
    const auto x = load_as<Factor>(static_cast<const T*>(a.x) + i);
    write(static_cast<T*>(a.y) + i, words.at[w] >= threshold ? x * factor : Factor{0}, a.to_y);
  }
}

}  // namespace

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const Dropout& a) {
  const Grid grid{blocks_for(ceil_div(a.n, int64_t{64}) * 16, threads), threads};
  const double factor = 1 / (1 - a.p);
  with_element(a.dtype, [&]<class T>(T x) {
    using Factor = decltype(number(x));
    launch(on, "dropout", grid, dropout<T, Factor>, a, dropout_threshold(a.p), static_cast<Factor>(factor));
  });
}

}  // namespace hewn
