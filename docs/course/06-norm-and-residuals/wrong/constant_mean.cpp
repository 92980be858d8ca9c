// The mean was taken as a constant: when an element of x grows, so does the mean of its row, and all elements of y fall
// a little.
#include "hewn/lesson.h"

LESSON(layernorm_backward, (Array y, Array rstd, Array dy, Out dx)) {
  for (int r = 0; r < y.rows; ++r) {
    double mean_dy_y = 0;
    for (int c = 0; c < y.cols; ++c) mean_dy_y += dy(r, c) * y(r, c) / y.cols;
    for (int c = 0; c < y.cols; ++c) dx.add(r, c, rstd(r) * (dy(r, c) - y(r, c) * mean_dy_y));
  }
}
