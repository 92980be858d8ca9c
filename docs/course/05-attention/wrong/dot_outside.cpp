// The dot product was subtracted after the multiplication: the parentheses belong around dp - dot, and p multiplies
// both.
#include "hewn/lesson.h"

LESSON(causal_softmax, (Array s, Array dp, Out p, Out ds)) {
  for (int i = 0; i < s.rows; ++i) {
    double most = s(i, 0), total = 0, dot = 0;
    for (int j = 1; j <= i; ++j) most = std::fmax(most, s(i, j));
    for (int j = 0; j <= i; ++j) total += std::exp(s(i, j) - most);
    for (int j = 0; j < s.cols; ++j) p.set(i, j, j <= i ? std::exp(s(i, j) - most) / total : 0);
    for (int j = 0; j <= i; ++j) dot += p(i, j) * dp(i, j);
    for (int j = 0; j <= i; ++j) ds.add(i, j, p(i, j) * dp(i, j) - dot);
  }
}
