// The right tokens are kept, but their probabilities do not sum to 1: divide them by their sum.
#include "hewn/lesson.h"

LESSON(top_p, (Array probs, double p, Out kept)) {
  for (int i = 0; i < probs.cols; ++i) kept.set(i, 0.0);
  double sum = 0;
  while (sum < p) {
    int best = -1;
    for (int i = 0; i < probs.cols; ++i)
      if (kept(i) == 0 && probs(i) > (best < 0 ? 0 : probs(best))) best = i;
    if (best < 0) break;
    kept.set(best, probs(best));
    sum += probs(best);
  }
}
