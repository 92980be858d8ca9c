#include "kernels/dropout/kernels.h"

#include "kernels/contract/parallel.h"
#include "kernels/contract/random_words.h"

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
  const uint32_t word = random_word(i, static_cast<uint32_t>(a.state->step),
                                    static_cast<uint32_t>(a.state->micro_step), a.site, a.state->seed);
  return static_cast<double>(word) >= a.p * 4294967296.0;
}

void dropout_reference(const Launch&, const Dropout& a) { range(a, 0, a.n); }

void dropout_parallel(const Launch& launch, const Dropout& a) {
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) { range(a, begin, end); });
}

}  // namespace hewn
