#include "kernels/copy/element.h"
#include "kernels/copy/rungs.h"

namespace hewn {
namespace {

/// Dimension d and those below, starting at these elements.
template <class X, class Y>
void nested(const Copy& a, int d, const X* x, Y* y) {
  if (d == a.rank) {
    if constexpr (std::is_same_v<X, Y> && std::is_integral_v<X>)
      *y = *x;
    else
      *y = from_double<Y>(a.to_y == Write::add ? to_double(*y) + to_double(*x) : to_double(*x));
    return;
  }
  for (int64_t i = 0; i < a.shape[d]; ++i) nested(a, d + 1, x + i * a.x_stride[d], y + i * a.y_stride[d]);
}

}  // namespace

void copy_reference(const Launch&, const Copy& a) {
  with_type(a.from, [&]<class X>(X) {
    with_type(a.to, [&]<class Y>(Y) { nested(a, 0, static_cast<const X*>(a.x), static_cast<Y*>(a.y)); });
  });
}

}  // namespace hewn
