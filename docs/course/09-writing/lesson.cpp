#include "hewn/lesson.h"

// Top-p: keeps the smallest set of most likely tokens whose probabilities sum to at least p.
//
// probs holds the probability of every token, probs.cols of them; they sum to 1, up to rounding. p is more than 0 and
// at most 1. Of equally likely tokens, those with lower numbers come first.
//
// Set kept(i) for every token: 0 if it is not in the set; else its probability divided by the sum of those in the set.
LESSON(top_p, (Array probs, double p, Out kept)) {
  for (int i = 0; i < probs.cols; ++i) kept.set(i, 0.0);
  // your lines
}
