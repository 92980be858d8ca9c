#include "kernels/roof/simd.h"

#include "kernels/simd/vec.h"

namespace hewn {
namespace {

// Enough independent chains to hide the latency of the multiply-add, few enough for 16 registers.
constexpr int chains = 12;

template <class V, class T>
double fma_chains(int64_t rounds, T factor, T term) {
  const V a = set1(factor), b = set1(term);
  V sum[chains];
  for (int c = 0; c < chains; ++c) sum[c] = set1(static_cast<T>(c));  // equal chains would be merged into one
  for (int64_t r = 0; r < rounds; ++r)
    for (int c = 0; c < chains; ++c)
      sum[c] = fma(sum[c], a, b);  // tends to b / (1 - a): no overflow, no denormals
  V all{};
  for (int c = 0; c < chains; ++c) all += sum[c];
  return static_cast<double>(all[0]);
}

}  // namespace

template <>
double roof_fma<Isa::HEWN_ISA>(DType dtype, int64_t rounds) {
  return dtype == DType::f64 ? fma_chains<vd>(rounds, 0.999, 0.001) : fma_chains<vf>(rounds, 0.999f, 0.001f);
}

template <>
int64_t roof_fmas<Isa::HEWN_ISA>(DType dtype) {
  return chains * (dtype == DType::f64 ? WD : W);
}

template <>
float roof_chain<Isa::HEWN_ISA>(int64_t rounds) {
  const vf a = set1(0.5f), b = set1(1e-6f);
  vf sum{};
  for (int64_t r = 0; r < rounds; ++r) sum = fma(a, b, sum);
  return sum[0];
}

template <>
float roof_read<Isa::HEWN_ISA>(const float* x, int64_t n) {
  vf sum[8] = {};
  int64_t i = 0;
  for (; i + 8 * W <= n; i += 8 * W)
    for (int c = 0; c < 8; ++c) sum[c] += load(x + i + c * W);
  vf all{};
  for (int c = 0; c < 8; ++c) all += sum[c];
  return all[0];
}

template <>
void roof_copy<Isa::HEWN_ISA>(const float* x, float* y, int64_t n) {
  const vf two = set1(2.0f);
  for (int64_t i = 0; i + W <= n; i += W) store(y + i, load(x + i) * two);
}

}  // namespace hewn
