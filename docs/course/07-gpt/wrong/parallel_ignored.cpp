// Where parallel is 1, the block is another one: mlp reads the same norm as attn, and not what attn has added.
#include "hewn/lesson.h"

LESSON(gpt, (Ids tokens, Array x, Array dlogits, Layer ln_1, Layer attn, Layer ln_2, Layer mlp, Layer ln_f,
             Layer head, [[maybe_unused]] int parallel, Out logits, Out dx, Out dtable)) {
  Array n = ln_1(x);
  Array y = x + attn(n);
  Array z = y + mlp(ln_2(y));
  Array h = ln_f(z);
  logits.set(head(h));

  Array dz = ln_f.backward(head.backward(dlogits));
  Array dy = dz + ln_2.backward(mlp.backward(dz));
  dx.set(dy + ln_1.backward(attn.backward(dy)));

  for (int t = 0; t < x.rows; ++t)
    for (int c = 0; c < x.cols; ++c) {
      dtable.add(tokens(t), c, dx(t, c));
      for (int v = 0; v < dtable.rows; ++v) dtable.add(v, c, dlogits(t, v) * h(t, c));
    }
}
