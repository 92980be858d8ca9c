// The means of one row still hold the sums of the rows above it: each row is normalised by itself, so begin its sums at
// zero within the loop over rows.
#include "hewn/lesson.h"

LESSON(layernorm_backward, (Array y, Array rstd, Array dy, Out dx)) {
  double mean_dy = 0, mean_dy_y = 0;
  for (int r = 0; r < y.rows; ++r) {
    for (int c = 0; c < y.cols; ++c) {
      mean_dy += dy(r, c) / y.cols;
      mean_dy_y += dy(r, c) * y(r, c) / y.cols;
    }
    for (int c = 0; c < y.cols; ++c) dx.add(r, c, rstd(r) * (dy(r, c) - mean_dy - y(r, c) * mean_dy_y));
  }
}
