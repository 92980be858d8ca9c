// Token i sees the tokens after it and not those before: row and column are mixed up in the mask, which keeps j <= i.
#include "hewn/lesson.h"

LESSON(causal_softmax, (Array s, Array dp, Out p, Out ds)) {
  for (int i = 0; i < s.rows; ++i) {
    double most = s(i, i), total = 0, dot = 0;
    for (int j = i; j < s.cols; ++j) most = std::fmax(most, s(i, j));
    for (int j = i; j < s.cols; ++j) total += std::exp(s(i, j) - most);
    for (int j = 0; j < s.cols; ++j) p.set(i, j, j >= i ? std::exp(s(i, j) - most) / total : 0);
    for (int j = 0; j < s.cols; ++j) dot += p(i, j) * dp(i, j);
    for (int j = 0; j < s.cols; ++j) ds.add(i, j, p(i, j) * (dp(i, j) - dot));
  }
}
