#include "kernels/reduce/abi.h"

#include "kernels/contract/parallel.h"
#include "kernels/contract/reference.h"

namespace hewn {
namespace {

template <class T, class Y = T>
void reduce(const Reduce& a) {
  for (int64_t o = 0; o < a.outer; ++o)
    for (int64_t c = 0; c < a.inner; ++c) {
      const T* x = static_cast<const T*>(a.x) + o * a.n * a.inner + c;
      double result = a.op == ReduceOp::sum ? 0 : to_double(x[0]);
      for (int64_t i = 0; i < a.n; ++i) {
        const double v = to_double(x[i * a.inner]);
        if (a.op == ReduceOp::sum)
          result += v;
        else if (!(result >= v) && result == result)  // NaN propagates
          result = v;
      }
      put(static_cast<Y*>(a.y)[o * a.inner + c], a.scale * result, a.to_y);
    }
}

template <class T>
void max_backward_of(const MaxBackward& a, int64_t o) {
  for (int64_t c = 0; c < a.inner; ++c) {
    const int64_t start = o * a.n * a.inner + c, result = o * a.inner + c;
    const T most = static_cast<const T*>(a.y)[result];
    bool found = false;
    for (int64_t i = 0; i < a.n; ++i) {
      const int64_t at = start + i * a.inner;
      const bool here = !found && static_cast<const T*>(a.x)[at] == most;
      found |= here;
      put(static_cast<T*>(a.dx)[at], here ? static_cast<double>(static_cast<const T*>(a.dy)[result]) : 0,
          a.to_dx);
    }
  }
}

void max_backward_of(const MaxBackward& a, int64_t o) {
  a.dtype == DType::f64 ? max_backward_of<double>(a, o) : max_backward_of<float>(a, o);
}

}  // namespace

template <>
void kernel<"reference">(const Launch&, const Reduce& a) {
  switch (a.dtype) {
    case DType::f64: return reduce<double>(a);
    case DType::bf16: return reduce<BFloat16, float>(a);
    default: return reduce<float>(a);
  }
}

template <>
void kernel<"reference">(const Launch&, const MaxBackward& a) {
  for (int64_t o = 0; o < a.outer; ++o) max_backward_of(a, o);
}

template <>
void kernel<"parallel">(const Launch& launch, const MaxBackward& a) {
  parallel_for(launch, a.outer, [&](int64_t begin, int64_t end, int) {
    for (int64_t o = begin; o < end; ++o) max_backward_of(a, o);
  });
}

template <>
void kernel<"reference">(const Launch&, const Expand& a) {
  with_wide(a.dtype, [&]<class T>(T) {
    T* y = static_cast<T*>(a.y);
    for (int64_t o = 0; o < a.outer; ++o)
      for (int64_t i = 0; i < a.n; ++i)
        for (int64_t c = 0; c < a.inner; ++c)
          put(*y++, a.scale * static_cast<double>(static_cast<const T*>(a.x)[o * a.inner + c]), a.to_y);
  });
}

}  // namespace hewn
