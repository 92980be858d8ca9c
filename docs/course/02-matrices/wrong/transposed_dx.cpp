// dy was multiplied by w instead of its transpose: x(r, k) is multiplied by w(k, o) in y(r, o), so dx(r, k) needs
// w(k, o) and not w(o, k).
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
