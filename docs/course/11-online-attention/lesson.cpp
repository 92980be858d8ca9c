#include "hewn/lesson.h"

// Causal attention of one head, without its triangle of weights. Token i sees the tokens 0 to i:
//   s(i, j) = the score: dot(q, i, k, j) divided by the square root of q.cols
//   lse(i)  = the logarithm of the sum of exp(s(i, j)) over j = 0 to i
//   p(i, j) = exp(s(i, j) - lse(i))
//   y(i, c) = the sum of keep(i, j) * p(i, j) * v(j, c) over j = 0 to i
// keep(i, j) is the factor of dropout: 0 if the weight is dropped, otherwise at least 1.
//
// Forward, set all of y [T, D], with one row for each token, and lse, a list of T. Visit each score of a row once, and
// remember only the largest one so far, a sum, and y(i, ...). As exp of a score may overflow, subtract the largest one.
//
// Backward, you get dy, the gradient of y. Compute p(i, j) anew, and add the gradients of q, k and v to dq, dk and dv.
//   dp = keep(i, j) * dot(dy, i, v, j)   the gradient of p(i, j)
//   ds = p(i, j) * (dp - delta)          the gradient of s(i, j)
// delta is the sum of p * dp over the tokens that token i sees. Find it from row i of dy and y.

// The sum of the products of row i of a and row j of b.
static double dot(Array a, int i, Array b, int j) {
  double sum = 0;
  for (int c = 0; c < a.cols; ++c) sum += a(i, c) * b(j, c);
  return sum;
}

LESSON(online_attention, (Array q, Array k, Array v, Array keep, Array dy, Out y, Out lse, Out dq, Out dk, Out dv)) {
  for (int i = 0; i < q.rows; ++i) {
    double largest = -INFINITY, sum = 0;
    // forward: your lines

    // backward: your lines
  }
}
