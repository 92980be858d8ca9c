// The term with y was divided by the number of columns minus one: this variance is a sum divided by the number of
// columns, although statistics often divides by one less.
#include "hewn/lesson.h"

LESSON(layernorm_backward, (Array y, Array rstd, Array dy, Out dx)) {
  for (int r = 0; r < y.rows; ++r) {
    double mean_dy = 0, mean_dy_y = 0;
    for (int c = 0; c < y.cols; ++c) {
      mean_dy += dy(r, c) / y.cols;
      mean_dy_y += dy(r, c) * y(r, c) / (y.cols - 1);
    }
    for (int c = 0; c < y.cols; ++c) dx.add(r, c, rstd(r) * (dy(r, c) - mean_dy - y(r, c) * mean_dy_y));
  }
}
