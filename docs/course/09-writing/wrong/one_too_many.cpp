// One token too many was kept: when the sum has reached p, the set is complete, so ask before you take the next token.
#include "hewn/lesson.h"

LESSON(top_p, (Array probs, double p, Out kept)) {
  for (int i = 0; i < probs.cols; ++i) kept.set(i, 0.0);
  double sum = 0;
  for (bool enough = false; !enough;) {
    int best = -1;
    for (int i = 0; i < probs.cols; ++i)
      if (kept(i) == 0 && probs(i) > (best < 0 ? 0 : probs(best))) best = i;
    if (best < 0) break;
    enough = sum >= p;
    kept.set(best, probs(best));
    sum += probs(best);
  }
  for (int i = 0; i < probs.cols; ++i) kept.set(i, kept(i) / sum);
}
