#include "kernels/dropout/kernels.h"

#include "core/rng.h"
#include "kernels/contract/parallel.h"

namespace hewn {
namespace {

template <class T>
void range(const Dropout& a, int64_t begin, int64_t end) {
  const T* x = static_cast<const T*>(a.x);
  T* y = static_cast<T*>(a.y);
  const T factor = static_cast<T>(1 / (1 - a.p));
  for (int64_t i = begin; i < end; ++i) {
    const T v = dropout_keeps(a, i) ? x[i] * factor : 0;
    y[i] = a.to_y == Write::add ? y[i] + v : v;
  }
}

void range(const Dropout& a, int64_t begin, int64_t end) {
  a.dtype == DType::f64 ? range<double>(a, begin, end) : range<float>(a, begin, end);
}

}  // namespace

bool dropout_keeps(const Dropout& a, int64_t i) {
  const auto block = static_cast<uint64_t>(i / 64 * 16 + i % 16);
  const auto step = static_cast<uint64_t>(a.state->step), micro = static_cast<uint64_t>(a.state->micro_step);
  const auto words = philox(
      {static_cast<uint32_t>(block), static_cast<uint32_t>(step), static_cast<uint32_t>(micro), a.site},
      {static_cast<uint32_t>(a.state->seed), static_cast<uint32_t>(a.state->seed >> 32)});
  return static_cast<double>(words[static_cast<size_t>(i % 64 / 16)]) >= a.p * 4294967296.0;
}

void dropout_reference(const Launch&, const Dropout& a) { range(a, 0, a.n); }

void dropout_parallel(const Launch& launch, const Dropout& a) {
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) { range(a, begin, end); });
}

}  // namespace hewn
