// Only the last product of each sum is left: an element of x is used once for every column, and one of w once for every
// row, so add to their gradients.
#include "hewn/lesson.h"

LESSON(linear_backward, (Array x, Array w, Array dy, Out dx, Out dw, Out db)) {
  for (int r = 0; r < dy.rows; ++r) {
    for (int o = 0; o < dy.cols; ++o) {
      db.set(o, dy(r, o));
      for (int k = 0; k < x.cols; ++k) {
        dx.set(r, k, dy(r, o) * w(k, o));
        dw.set(k, o, dy(r, o) * x(r, k));
      }
    }
  }
}
