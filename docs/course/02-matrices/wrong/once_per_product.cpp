// db gained dy(r, o) once for every column of x: b(o) is added to y(r, o) only once, however many products there are.
#include "hewn/lesson.h"

LESSON(linear_backward, (Array x, Array w, Array dy, Out dx, Out dw, Out db)) {
  for (int r = 0; r < dy.rows; ++r) {
    for (int o = 0; o < dy.cols; ++o) {
      for (int k = 0; k < x.cols; ++k) {
        db.add(o, dy(r, o));
        dx.add(r, k, dy(r, o) * w(k, o));
        dw.add(k, o, dy(r, o) * x(r, k));
      }
    }
  }
}
