#include "hewn/lesson.h"

// x(r, k) * w(k, o) is a part of y(r, o): each factor gains dy(r, o) times the other one. b(o) is a part of every y(r, o).
LESSON(linear_backward, (Array x, Array w, Array dy, Out dx, Out dw, Out db)) {
  for (int r = 0; r < dy.rows; ++r) {
    for (int o = 0; o < dy.cols; ++o) {
      db.add(o, dy(r, o));
      for (int k = 0; k < x.cols; ++k) {
        dx.add(r, k, dy(r, o) * w(k, o));
        dw.add(k, o, dy(r, o) * x(r, k));
      }
    }
  }
}
