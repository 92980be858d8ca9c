// Rows with the target -100 received a gradient: they are no part of the loss, so nothing in them moves it.
#include "hewn/lesson.h"

LESSON(cross_entropy_backward, (Array p, Ids targets, Out dlogits)) {
  int kept = 0;
  for (int r = 0; r < p.rows; ++r) kept += targets(r) != -100;
  for (int r = 0; r < p.rows; ++r) {
    for (int j = 0; j < p.cols; ++j) {
      dlogits.add(r, j, (p(r, j) - (j == targets(r))) / kept);
    }
  }
}
