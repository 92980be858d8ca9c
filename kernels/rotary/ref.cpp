#include "kernels/rotary/abi.h"

#include <cmath>

#include "kernels/contract/reference.h"

namespace hewn {
namespace {

/// One row of D elements at position `at`.
template <class T>
void rotate(const Rotary& a, int64_t at, const T* x, T* y) {
  for (int64_t i = 0; i < a.D / 2; ++i) {
    const bool half = a.pairs == RotaryPairs::half;
    const int64_t first = half ? i : 2 * i, second = half ? i + a.D / 2 : 2 * i + 1;
    const double frequency = std::pow(a.base, -2 * static_cast<double>(i) / static_cast<double>(a.D));
    const double angle = a.direction * static_cast<double>(at) * frequency;
    const double x1 = to_double(x[first]), x2 = to_double(x[second]);
    put(y[first], x1 * std::cos(angle) - x2 * std::sin(angle), a.to_y);
    put(y[second], x2 * std::cos(angle) + x1 * std::sin(angle), a.to_y);
  }
}

}  // namespace

template <>
void kernel<"reference">(const Launch&, const Rotary& a) {
  with_float(a.dtype, [&]<class T>(T) {
    for (int64_t b = 0; b < a.B; ++b)
      for (int64_t h = 0; h < a.H; ++h)
        for (int64_t t = 0; t < a.T; ++t) {
          const T* x = static_cast<const T*>(a.x.data) + b * a.x.batch + h * a.x.head + t * a.x.row;
          T* y = static_cast<T*>(a.y.data) + b * a.y.batch + h * a.y.head + t * a.y.row;
          if (h < a.rotated)
            rotate(a, a.start + t, x, y);
          else
            for (int64_t d = 0; d < a.D; ++d) put(y[d], to_double(x[d]), a.to_y);
        }
  });
}

}  // namespace hewn
