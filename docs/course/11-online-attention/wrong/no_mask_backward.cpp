// The backward pass has no mask: token i did not see the tokens after it, so they get no gradient from it, and the loop
// over j ends at i.
#include "hewn/lesson.h"

static double dot(Array a, int i, Array b, int j) {
  double sum = 0;
  for (int c = 0; c < a.cols; ++c) sum += a(i, c) * b(j, c);
  return sum;
}

LESSON(online_attention, (Array q, Array k, Array v, Array keep, Array dy, Out y, Out lse, Out dq, Out dk, Out dv)) {
  const double scale = 1 / std::sqrt(q.cols);
  for (int i = 0; i < q.rows; ++i) {
    double largest = -INFINITY, sum = 0, delta = 0;
    for (int c = 0; c < v.cols; ++c) y.set(i, c, 0);
    for (int j = 0; j <= i; ++j) {
      const double s = scale * dot(q, i, k, j), now = std::fmax(largest, s);
      const double shrink = std::exp(largest - now), e = std::exp(s - now);
      sum = sum * shrink + e;
      for (int c = 0; c < v.cols; ++c) y.set(i, c, y(i, c) * shrink + keep(i, j) * e * v(j, c));
      largest = now;
    }
    for (int c = 0; c < v.cols; ++c) y.set(i, c, y(i, c) / sum);
    lse.set(i, largest + std::log(sum));

    for (int c = 0; c < v.cols; ++c) delta += dy(i, c) * y(i, c);
    for (int j = 0; j < k.rows; ++j) {
      const double p = std::exp(scale * dot(q, i, k, j) - lse(i));
      const double ds = p * (keep(i, j) * dot(dy, i, v, j) - delta);
      for (int c = 0; c < q.cols; ++c) {
        dq.add(i, c, scale * ds * k(j, c));
        dk.add(j, c, scale * ds * q(i, c));
        dv.add(j, c, keep(i, j) * p * dy(i, c));
      }
    }
  }
}
