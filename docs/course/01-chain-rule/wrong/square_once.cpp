// A square passes its gradient to its operand twice, once for each factor: a node with two equal operands needs no
// special case.
#include "hewn/lesson.h"

LESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {
  for (int i = 0; i < y.cols; ++i) {
    for (int n = y.rows - 1; n >= 0; --n) {
      if (left(n) < 0) continue;
      grad.add(left(n), i, grad(n, i) * y(right(n), i));
      if (left(n) != right(n)) grad.add(right(n), i, grad(n, i) * y(left(n), i));
    }
  }
}
