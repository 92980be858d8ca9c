#include "hewn/lesson.h"

// The backward pass of a linear layer, y = x w + b:
//   y(r, o) = sum over k of x(r, k) * w(k, o) + b(o)
//
// x is [rows, in], w is [in, out], b has out elements. You get dy, the gradient of y, [rows, out]. Add the gradients of
// x, w and b to dx [rows, in], dw [in, out] and db (out elements): dx.add(r, k, ...), dw.add(k, o, ...), db.add(o, ...).
LESSON(linear_backward, (Array x, Array w, Array dy, Out dx, Out dw, Out db)) {
  for (int r = 0; r < dy.rows; ++r) {
    for (int o = 0; o < dy.cols; ++o) {
      // your lines
    }
  }
}
