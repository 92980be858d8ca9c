// The logits beside the target have the wrong sign: when one of them grows, the target becomes less likely, so the loss
// grows.
#include "hewn/lesson.h"

LESSON(cross_entropy_backward, (Array p, Ids targets, Out dlogits)) {
  int kept = 0;
  for (int r = 0; r < p.rows; ++r) kept += targets(r) != -100;
  for (int r = 0; r < p.rows; ++r) {
    for (int j = 0; j < p.cols; ++j) {
      if (targets(r) == -100) continue;
      dlogits.add(r, j, (j == targets(r) ? p(r, j) - 1 : -p(r, j)) / kept);
    }
  }
}
