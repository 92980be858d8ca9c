// The nodes were visited from the oldest to the newest, when no gradient has reached them yet: begin with the newest.
#include "hewn/lesson.h"

LESSON(mul_backward, (Ids left, Ids right, Array y, Out grad)) {
  for (int i = 0; i < y.cols; ++i) {
    for (int n = 0; n < y.rows; ++n) {
      if (left(n) < 0) continue;
      grad.add(left(n), i, grad(n, i) * y(right(n), i));
      grad.add(right(n), i, grad(n, i) * y(left(n), i));
    }
  }
}
