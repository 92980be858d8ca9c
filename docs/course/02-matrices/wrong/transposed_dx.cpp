// dx was multiplied by w where its transpose belongs: x(r, k) meets w(k, o) in y(r, o), so the rows of w go with the
// columns of x.
#include "hewn/lesson.h"

LESSON(linear_backward, (Array x, Array w, Array dy, Out dx, Out dw, Out db)) {
  for (int r = 0; r < dy.rows; ++r) {
    for (int o = 0; o < dy.cols; ++o) {
      db.add(o, dy(r, o));
      for (int k = 0; k < x.cols; ++k) {
        dx.add(r, k, dy(r, o) * w(o, k));
        dw.add(k, o, dy(r, o) * x(r, k));
      }
    }
  }
}
