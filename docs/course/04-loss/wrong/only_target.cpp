// Only the logit of the target received a gradient: the others take probability away from the target, so they receive
// p.
#include "hewn/lesson.h"

LESSON(cross_entropy_backward, (Array p, Ids targets, Out dlogits)) {
  int kept = 0;
  for (int r = 0; r < p.rows; ++r) kept += targets(r) != -100;
  for (int r = 0; r < p.rows; ++r) {
    for (int j = 0; j < p.cols; ++j) {
      if (targets(r) == -100) continue;
      if (j == targets(r)) dlogits.add(r, j, (p(r, j) - 1) / kept);
    }
  }
}
