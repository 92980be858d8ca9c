// dw is transposed: like w, it has a row for each column of x and a column for each column of dy.
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
