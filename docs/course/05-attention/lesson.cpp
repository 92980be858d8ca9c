#include "hewn/lesson.h"

// Causal softmax and its backward pass. Token i sees the tokens 0 to i:
//   p(i, j) = exp(s(i, j)) / sum of exp(s(i, k)) over k = 0 to i, for j <= i
//   p(i, j) = 0, for j > i
//
// s are the scores, [n, n]. Set all of p [n, n]. Scores may be as large as 1000, where exp overflows: subtract the
// largest score that token i sees from all scores of the row first, which does not change p.
//
// You get dp, the gradient of p. Add the gradient of s to ds [n, n]: ds.add(i, j, value).
LESSON(causal_softmax, (Array s, Array dp, Out p, Out ds)) {
  for (int i = 0; i < s.rows; ++i) {
    // your lines
  }
}
