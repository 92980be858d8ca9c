#include "hewn/lesson.h"

// One step of AdamW for one tensor, whose elements are a list: g.cols of them, w(i), g(i) and so on.
//
// g is the gradient of w. m and v are the first and second moment; they hold those of the previous step, and zeros
// before the first step. step is 1 in the first step. With mean and square, the corrected moments,
//   mean = m / (1 - beta1^step),   square = v / (1 - beta2^step)
// w falls by lr times mean / (sqrt(square) + eps), and also by lr times weight_decay times its old value.
//
// Replace m, v and w: m.set(i, ...), v.set(i, ...), w.set(i, ...). std::pow(beta1, step) is a power.
LESSON(adamw_step, (Array g, double lr, double beta1, double beta2, double eps, double weight_decay, int step, Out w,
                    Out m, Out v)) {
  for (int i = 0; i < g.cols; ++i) {
    // your lines
  }
}
