// Each weight was treated as if it depended on its own score only, with the slope p (1 - p): every score moves all
// weights of its row, because they share a sum.
#include "hewn/lesson.h"

LESSON(causal_softmax, (Array s, Array dp, Out p, Out ds)) {
  for (int i = 0; i < s.rows; ++i) {
    double most = s(i, 0), total = 0;
    for (int j = 1; j <= i; ++j) most = std::fmax(most, s(i, j));
    for (int j = 0; j <= i; ++j) total += std::exp(s(i, j) - most);
    for (int j = 0; j < s.cols; ++j) p.set(i, j, j <= i ? std::exp(s(i, j) - most) / total : 0);
    for (int j = 0; j <= i; ++j) ds.add(i, j, p(i, j) * (1 - p(i, j)) * dp(i, j));
  }
}
