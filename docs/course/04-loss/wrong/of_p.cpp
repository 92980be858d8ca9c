// This is the gradient of the probability p, not of the logits: it must go through the softmax as well, which leaves
// p - 1 at the target and p elsewhere.
#include "hewn/lesson.h"

LESSON(cross_entropy_backward, (Array p, Ids targets, Out dlogits)) {
  int kept = 0;
  for (int r = 0; r < p.rows; ++r) kept += targets(r) != -100;
  for (int r = 0; r < p.rows; ++r) {
    for (int j = 0; j < p.cols; ++j) {
      if (targets(r) == -100) continue;
      if (j == targets(r)) dlogits.add(r, j, -1 / p(r, j) / kept);
    }
  }
}
