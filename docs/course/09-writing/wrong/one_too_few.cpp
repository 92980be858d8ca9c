// The token with which the sum reaches p is missing: without it, the set sums to less than p.
#include "hewn/lesson.h"

LESSON(top_p, (Array probs, double p, Out kept)) {
  for (int i = 0; i < probs.cols; ++i) kept.set(i, 0.0);
  double sum = 0;
  while (true) {
    int best = -1;
    for (int i = 0; i < probs.cols; ++i)
      if (kept(i) == 0 && probs(i) > (best < 0 ? 0 : probs(best))) best = i;
    if (best < 0) break;
    if (sum + probs(best) > p) break;
    kept.set(best, probs(best));
    sum += probs(best);
  }
  for (int i = 0; i < probs.cols; ++i) kept.set(i, kept(i) / sum);
}
