// The decay was added to the gradient, as in Adam before AdamW: it then passes through both moments, and weights with
// large gradients hardly decay. It belongs beside the quotient.
#include "hewn/lesson.h"

LESSON(adamw_step, (Array g, double lr, double beta1, double beta2, double eps, double weight_decay, int step, Out w,
                    Out m, Out v)) {
  for (int i = 0; i < g.cols; ++i) {
    const double grad = g(i) + weight_decay * w(i);
    m.set(i, beta1 * m(i) + (1 - beta1) * grad);
    v.set(i, beta2 * v(i) + (1 - beta2) * grad * grad);
    const double mean = m(i) / (1 - std::pow(beta1, step));
    const double square = v(i) / (1 - std::pow(beta2, step));
    w.set(i, w(i) - lr * mean / (std::sqrt(square) + eps));
  }
}
