// A node was passed on before its gradient was complete, and again afterwards, so older nodes received parts of it
// twice: walk the tape once by age instead of following the operands.
#include "hewn/lesson.h"

static void visit(int n, int i, Ids left, Ids right, Array y, Out grad) {
  if (left(n) < 0) return;
  grad.add(left(n), i, grad(n, i) * y(right(n), i));
  grad.add(right(n), i, grad(n, i) * y(left(n), i));
  visit(left(n), i, left, right, y, grad);
  visit(right(n), i, left, right, y, grad);
}

LESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {
  for (int i = 0; i < y.cols; ++i) visit(y.rows - 1, i, left, right, y, grad);
}
