#include "hewn/lesson.h"

// The backward pass of a layer norm, before its weights and bias:
//   y(r, c) = (x(r, c) - mean(r)) * rstd(r),   rstd(r) = 1 / sqrt(variance(r) + eps)
// where mean(r) and variance(r) are those of row r of x: sums over its x.cols elements, divided by x.cols.
//
// You get y [rows, cols], rstd with one number per row, rstd(r), and dy, the gradient of y [rows, cols]. The values of
// x are not needed. Add the gradient of x to dx [rows, cols]: dx.add(r, c, ...).
LESSON(layernorm_backward, (Array y, Array rstd, Array dy, Out dx)) {
  for (int r = 0; r < y.rows; ++r) {
    // your lines
  }
}
