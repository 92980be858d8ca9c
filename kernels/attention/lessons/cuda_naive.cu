// One thread per query, the formula as written: a row of scores in global memory, their maximum,
// exponentials, sums. Every score is written once and read at least three times, and adjacent threads access
// rows of scores a whole row apart, so each access is a separate transaction. The next rung, gpu/rows.cu,
// assigns a query to the 32 lanes of a warp, one key per lane: no score is stored at all, since a running
// maximum and sum replace the passes over them.

#include "kernels/attention/abi.h"
#include "kernels/attention/gpu/dropout.cuh"
#include "kernels/attention/gpu/heads.cuh"

namespace hewn {
namespace {

constexpr int threads = 128;

/// `scores`: [B, H, Tq, Tk].
template <class T>
__global__ void __launch_bounds__(threads, 4)
    attend_naively(AttentionForward a, DropoutMask mask, T* scores) {
  const int64_t row = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (row >= a.B * a.H * a.Tq) return;
  const int bh = static_cast<int>(row / a.Tq), i = static_cast<int>(row % a.Tq), kv = bh / heads_per_key(a);
  const int D = static_cast<int>(a.D), first = first_key(a, i), end = end_key(a, i);
  const T* const q = query_head<T>(a, a.q, bh) + i * a.q.row;
  const T *const k = key_head<T>(a, a.k, kv), *const v = key_head<T>(a, a.v, kv);
  T* const s = scores + row * a.Tk;

  T most = unseen<T>;
  for (int j = first; j < end; ++j) {
    T dot = 0;
    for (int d = 0; d < D; ++d) dot = std::fma(q[d], k[j * a.k.row + d], dot);
    s[j] = static_cast<T>(a.scale) * dot;
    most = max(most, s[j]);
  }
  T total = 0;
  for (int j = first; j < end; ++j) {
    const T p = std::exp(s[j] - most);
    total += p;
    s[j] = p * kept<T>(a, mask, bh, i, j);
  }
  T* const y = query_head<T>(a, a.y, bh) + i * a.y.row;
  for (int d = 0; d < D; ++d) {
    T sum = 0;
    for (int j = first; j < end; ++j) sum = std::fma(s[j], v[j * a.v.row + d], sum);
    y[d] = sum / total;
  }
  static_cast<T*>(a.lse)[row] = most + std::log(total);
}

template <class T>
void attend(const Launch& on, const AttentionForward& a) {
  launch(on, "attention_naive", {blocks_for(a.B * a.H * a.Tq, threads), threads}, attend_naively<T>, a,
         mask_of(a), static_cast<T*>(on.scratch));
}

}  // namespace

template <>
void kernel<"cuda.naive", Isa::HEWN_ISA>(const Launch& on, const AttentionForward& a) {
  a.dtype == DType::f64 ? attend<double>(on, a) : attend<float>(on, a);
}

}  // namespace hewn
