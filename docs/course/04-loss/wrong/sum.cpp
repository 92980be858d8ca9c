// These are the gradients of the sum of the losses: the loss is their mean, so divide by the number of rows that count.
#include "hewn/lesson.h"

LESSON(cross_entropy_backward, (Array p, Ids targets, Out dlogits)) {
  for (int r = 0; r < p.rows; ++r) {
    for (int j = 0; j < p.cols; ++j) {
      if (targets(r) == -100) continue;
      dlogits.add(r, j, p(r, j) - (j == targets(r)));
    }
  }
}
