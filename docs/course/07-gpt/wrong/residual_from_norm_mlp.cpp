// The second sum begins with the output of ln_2: mlp adds to y itself, from before the norm.
#include "hewn/lesson.h"

LESSON(gpt, (Ids tokens, Array x, Array dlogits, Layer ln_1, Layer attn, Layer ln_2, Layer mlp, Layer ln_f,
             Layer head, int parallel, Out logits, Out dx, Out dtable)) {
  Array n = ln_1(x);
  Array y = x + attn(n);
  Array z = (parallel ? y : ln_2(y)) + mlp(parallel ? n : ln_2(y));
  Array h = ln_f(z);
  logits.set(head(h));

  Array dz = ln_f.backward(head.backward(dlogits));
  if (parallel) {
    dx.set(dz + ln_1.backward(attn.backward(dz) + mlp.backward(dz)));
  } else {
    Array dy = dz + ln_2.backward(mlp.backward(dz));
    dx.set(dy + ln_1.backward(attn.backward(dy)));
  }

  for (int t = 0; t < x.rows; ++t)
    for (int c = 0; c < x.cols; ++c) {
      dtable.add(tokens(t), c, dx(t, c));
      for (int v = 0; v < dtable.rows; ++v) dtable.add(v, c, dlogits(t, v) * h(t, c));
    }
}
