// Only the path from an element of x to its own element of y was followed: an element of x also moves the mean and the
// variance of its row, and through them every element of y.
#include "hewn/lesson.h"

LESSON(layernorm_backward, (Array y, Array rstd, Array dy, Out dx)) {
  for (int r = 0; r < y.rows; ++r)
    for (int c = 0; c < y.cols; ++c) dx.add(r, c, rstd(r) * dy(r, c));
}
