// rstd was taken as a constant: it depends on the variance, and so on every element of the row. The path through it
// adds a term with y.
#include "hewn/lesson.h"

LESSON(layernorm_backward, (Array y, Array rstd, Array dy, Out dx)) {
  for (int r = 0; r < y.rows; ++r) {
    double mean_dy = 0;
    for (int c = 0; c < y.cols; ++c) mean_dy += dy(r, c) / y.cols;
    for (int c = 0; c < y.cols; ++c) dx.add(r, c, rstd(r) * (dy(r, c) - mean_dy));
  }
}
