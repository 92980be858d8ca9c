#include "hewn/lesson.h"

// Both passes of a GPT with one block. Its layers are given, each with both of its passes: mlp(a) is the output for an
// array a, and mlp.backward(d) is the gradient of a, if d is that of the output. Arrays of one shape can be added:
// Array y = x + attn(n). Each result needs a name of its own. x [tokens, columns] is what the block reads.
//
//   GPT-2's block (parallel is 0):    y = x + attn(ln_1(x)),   z = y + mlp(ln_2(y))
//   a parallel block (parallel is 1): z = x + attn(ln_1(x)) + mlp(ln_1(x))
//   after either block:               h = ln_f(z),   logits = head(h)
//
// Row tokens(t) of the table, plus a row for its place, became row t of x. The head has the same table for weights:
// logits(t, v) is the sum over c of h(t, c) * table(v, c).
//
// Set logits [tokens, vocabulary]: logits.set(array). From dlogits, their gradient, find the gradient of x, and set dx:
// dx.set(array). Add that of the table to dtable [vocabulary, columns]: dtable.add(v, c, ...).
LESSON(gpt, (Ids tokens, Array x, Array dlogits, Layer ln_1, Layer attn, Layer ln_2, Layer mlp, Layer ln_f,
             Layer head, int parallel, Out logits, Out dx, Out dtable)) {
  // your lines
}
