#include "hewn/lesson.h"

// From the newest node to the oldest: all users of a node come before it, so its gradient is complete when it is read.
LESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {
  for (int i = 0; i < y.cols; ++i) {
    for (int n = y.rows - 1; n >= 0; --n) {
      if (left(n) < 0) continue;
      grad.add(left(n), i, grad(n, i) * y(right(n), i));
      grad.add(right(n), i, grad(n, i) * y(left(n), i));
    }
  }
}
