#include "hewn/lesson.h"

// The backward pass of an embedding, which looks up a row of a table for each token:
//   y(i, c) = weight(ids(i), c)
//
// ids has n elements, weight is [vocabulary, width], y is [n, width]. You get dy, the gradient of y. Add the gradient
// of weight to dweight [vocabulary, width]: dweight.add(row, c, value). dweight already holds gradients of other nodes.
LESSON(embedding_backward, (Ids ids, Array dy, Out dweight)) {
  for (int i = 0; i < dy.rows; ++i) {
    // your lines
  }
}
