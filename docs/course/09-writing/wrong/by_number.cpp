// The tokens were taken by their numbers: take the most likely one of those that are left.
#include "hewn/lesson.h"

LESSON(top_p, (Array probs, double p, Out kept)) {
  for (int i = 0; i < probs.cols; ++i) kept.set(i, 0.0);
  double sum = 0;
  for (int i = 0; i < probs.cols && sum < p; ++i) {
    kept.set(i, probs(i));
    sum += probs(i);
  }
  for (int i = 0; i < probs.cols; ++i) kept.set(i, kept(i) / sum);
}
