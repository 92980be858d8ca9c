// dw is transposed: its rows belong to the columns of x and its columns to those of dy, as those of w do.
#include "hewn/lesson.h"

LESSON(linear_backward, (Array x, Array w, Array dy, Out dx, Out dw, Out db)) {
  for (int r = 0; r < dy.rows; ++r) {
    for (int o = 0; o < dy.cols; ++o) {
      db.add(o, dy(r, o));
      for (int k = 0; k < x.cols; ++k) {
        dx.add(r, k, dy(r, o) * w(k, o));
        dw.add(o, k, dy(r, o) * x(r, k));
      }
    }
  }
}
