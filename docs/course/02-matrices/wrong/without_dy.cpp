// dy is missing: the other factor says how far y(r, o) moves, and dy(r, o) how far the result moves with it, so multiply
// the two.
#include "hewn/lesson.h"

LESSON(linear_backward, (Array x, Array w, Array dy, Out dx, Out dw, Out db)) {
  for (int r = 0; r < dy.rows; ++r) {
    for (int o = 0; o < dy.cols; ++o) {
      db.add(o, 1);
      for (int k = 0; k < x.cols; ++k) {
        dx.add(r, k, w(k, o));
        dw.add(k, o, x(r, k));
      }
    }
  }
}
