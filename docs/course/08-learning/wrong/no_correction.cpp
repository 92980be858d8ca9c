// The moments were not corrected: they begin at zero, so in the first steps they are too small by the factor 1 -
// beta^step.
#include "hewn/lesson.h"

LESSON(adamw_step, (Array g, double lr, double beta1, double beta2, double eps, double weight_decay,
                    [[maybe_unused]] int step, Out w, Out m, Out v)) {
  for (int i = 0; i < g.cols; ++i) {
    m.set(i, beta1 * m(i) + (1 - beta1) * g(i));
    v.set(i, beta2 * v(i) + (1 - beta2) * g(i) * g(i));
    w.set(i, w(i) - lr * (m(i) / (std::sqrt(v(i)) + eps) + weight_decay * w(i)));
  }
}
