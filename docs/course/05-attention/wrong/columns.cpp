// The weights of each column add up to 1: row and column are mixed up, because token i spreads its weights over row i.
#include "hewn/lesson.h"

LESSON(causal_softmax, (Array s, Array dp, Out p, Out ds)) {
  for (int j = 0; j < s.cols; ++j) {
    double most = s(j, j), total = 0, dot = 0;
    for (int i = j; i < s.rows; ++i) most = std::fmax(most, s(i, j));
    for (int i = j; i < s.rows; ++i) total += std::exp(s(i, j) - most);
    for (int i = 0; i < s.rows; ++i) p.set(i, j, j <= i ? std::exp(s(i, j) - most) / total : 0);
    for (int i = j; i < s.rows; ++i) dot += p(i, j) * dp(i, j);
    for (int i = j; i < s.rows; ++i) ds.add(i, j, p(i, j) * (dp(i, j) - dot));
  }
}
