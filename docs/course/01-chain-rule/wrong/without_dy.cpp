// The gradient of the node itself is missing: the other factor says how far the product moves, and grad(n, i) how far the
// result moves with the product, so multiply the two.
#include "hewn/lesson.h"

LESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {
  for (int i = 0; i < y.cols; ++i) {
    for (int n = y.rows - 1; n >= 0; --n) {
      if (left(n) < 0) continue;
      grad.add(left(n), i, y(right(n), i));
      grad.add(right(n), i, y(left(n), i));
    }
  }
}
