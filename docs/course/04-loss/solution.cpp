#include "hewn/lesson.h"

// p - [target]: every logit of a row gains its probability, and that of the target loses 1. The loss is the mean over
// the rows that count, so each has a share of 1 / kept; rows with the target -100 have none.
LESSON(cross_entropy_backward, (Array p, Ids targets, Out dlogits)) {
  int kept = 0;
  for (int r = 0; r < p.rows; ++r) kept += targets(r) != -100;
  for (int r = 0; r < p.rows; ++r) {
    if (targets(r) == -100) continue;
    for (int j = 0; j < p.cols; ++j) dlogits.add(r, j, (p(r, j) - (j == targets(r))) / kept);
  }
}
