// A node that is used twice receives two gradients, and a leaf may hold one already: add to what has arrived, do not
// replace it.
#include "hewn/lesson.h"

LESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {
  for (int i = 0; i < y.cols; ++i) {
    for (int n = y.rows - 1; n >= 0; --n) {
      if (left(n) < 0) continue;
      grad.set(left(n), i, grad(n, i) * y(right(n), i));
      grad.set(right(n), i, grad(n, i) * y(left(n), i));
    }
  }
}
