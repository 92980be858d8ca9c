// Each factor was multiplied by itself: when the left factor grows by 1, the product grows by the right one, so the
// left gradient needs the right value.
#include "hewn/lesson.h"

LESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {
  for (int i = 0; i < y.cols; ++i) {
    for (int n = y.rows - 1; n >= 0; --n) {
      if (left(n) < 0) continue;
      grad.add(left(n), i, grad(n, i) * y(left(n), i));
      grad.add(right(n), i, grad(n, i) * y(right(n), i));
    }
  }
}
