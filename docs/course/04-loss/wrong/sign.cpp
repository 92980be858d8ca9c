// The sign is wrong: when the logit of the target grows, the loss falls, so its gradient is p - 1 and not 1 - p.
#include "hewn/lesson.h"

LESSON(cross_entropy_backward, (Array p, Ids targets, Out dlogits)) {
  int kept = 0;
  for (int r = 0; r < p.rows; ++r) kept += targets(r) != -100;
  for (int r = 0; r < p.rows; ++r) {
    for (int j = 0; j < p.cols; ++j) {
      if (targets(r) == -100) continue;
      dlogits.add(r, j, ((j == targets(r)) - p(r, j)) / kept);
    }
  }
}
