#include "kernels/contract/element.h"
#include "kernels/copy/abi.h"

namespace hewn {
namespace {

/// Dimension d and the inner ones, starting at these elements; `put` copies one element.
template <class Put>
void nested(const Copy& a, int d, int64_t x, int64_t y, const Put& put) {
  if (d == a.rank) return put(x, y);
  for (int64_t i = 0; i < a.shape[d]; ++i)
    nested(a, d + 1, x + i * a.x_stride[d], y + i * a.y_stride[d], put);
}

/// The place in y of the first element.
int64_t first_of(const Copy& a) { return a.y_row ? *a.y_row * a.y_row_stride : 0; }

/// Between elements of one type: bit by bit unless they are added.
template <class T>
void copy_same(const Copy& a) {
  nested(a, 0, 0, first_of(a),
         [&, from = static_cast<const T*>(a.x), to = static_cast<T*>(a.y)](int64_t x, int64_t y) {
           to[y] = a.to_y == Write::set ? from[x] : from_double<T>(to_double(to[y]) + to_double(from[x]));
         });
}

double read(DType type, const void* from, int64_t i) {
  double value = 0;
  with_type(type, [&]<class T>(T) { value = to_double(static_cast<const T*>(from)[i]); });
  return value;
}

void convert_any(const Copy& a) {
  nested(a, 0, 0, first_of(a), [&](int64_t x, int64_t y) {
    const double value = read(a.from, a.x, x) + (a.to_y == Write::add ? read(a.to, a.y, y) : -0.0);
    with_type(a.to, [&]<class T>(T) { static_cast<T*>(a.y)[y] = from_double<T>(value); });
  });
}

}  // namespace

template <>
void kernel<"reference">(const Launch&, const Copy& a) {
  if (a.from != a.to) return convert_any(a);
  with_type(a.to, [&]<class T>(T) { copy_same<T>(a); });
}

}  // namespace hewn
