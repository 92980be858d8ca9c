#include "kernels/dropout/abi.h"

#include "kernels/contract/parallel.h"
#include "kernels/contract/random_words.h"
#include "kernels/contract/reference.h"

namespace hewn {
namespace {

template <class T>
void range(const Dropout& a, int64_t begin, int64_t end) {
  using Number = std::conditional_t<std::is_same_v<T, double>, double, float>;  // the factor is rounded to it
  const Doubles<T> x{a.x};
  const auto factor = static_cast<Number>(1 / (1 - a.p));
  for (int64_t i = begin; i < end; ++i) {
    const Number kept = static_cast<Number>(x[i]) * factor;
    put<T>(a.y, i, dropout_keeps(a, i) ? static_cast<double>(kept) : 0, a.to_y);
  }
}

void range(const Dropout& a, int64_t begin, int64_t end) {
  with_float(a.dtype, [&]<class T>(T) { range<T>(a, begin, end); });
}

}  // namespace

bool dropout_keeps(const Dropout& a, int64_t i) {
  const uint32_t word = random_word(i, static_cast<uint32_t>(a.state->step),
                                    static_cast<uint32_t>(a.state->micro_step), a.site, a.state->seed);
  return static_cast<double>(word) >= a.p * 4294967296.0;
}

template <>
void kernel<"reference">(const Launch&, const Dropout& a) {
  range(a, 0, a.n);
}

template <>
void kernel<"parallel">(const Launch& launch, const Dropout& a) {
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) { range(a, begin, end); });
}

}  // namespace hewn
