#include "hewn/lesson.h"

// An element of x moves y by three paths: its own element, the mean of the row, and the scale rstd of the row.
LESSON(layernorm_backward, (Array y, Array rstd, Array dy, Out dx)) {
  for (int r = 0; r < y.rows; ++r) {
    double mean_dy = 0, mean_dy_y = 0;
    for (int c = 0; c < y.cols; ++c) {
      mean_dy += dy(r, c) / y.cols;
      mean_dy_y += dy(r, c) * y(r, c) / y.cols;
    }
    for (int c = 0; c < y.cols; ++c) dx.add(r, c, rstd(r) * (dy(r, c) - mean_dy - y(r, c) * mean_dy_y));
  }
}
