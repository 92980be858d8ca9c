// The mean was taken over all rows: those with the target -100 do not count, so divide by the number of the others.
#include "hewn/lesson.h"

LESSON(cross_entropy_backward, (Array p, Ids targets, Out dlogits)) {
  for (int r = 0; r < p.rows; ++r) {
    for (int j = 0; j < p.cols; ++j) {
      if (targets(r) == -100) continue;
      dlogits.add(r, j, (p(r, j) - (j == targets(r))) / p.rows);
    }
  }
}
