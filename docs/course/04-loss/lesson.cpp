#include "hewn/lesson.h"

// The backward pass of softmax and cross-entropy together:
//   p = softmax(logits), row by row
//   loss = the mean of -log p(r, targets(r)) over the rows that count
//
// A row whose target is -100 does not count. p is [rows, vocabulary], and targets has one id for each row.
//
// You get p. The gradient of the loss is 1. Add the gradient of the logits to dlogits [rows, vocabulary], which already
// holds gradients of other nodes: dlogits.add(r, j, value).
LESSON(cross_entropy_backward, (Array p, Ids targets, Out dlogits)) {
  for (int r = 0; r < p.rows; ++r) {
    for (int j = 0; j < p.cols; ++j) {
      // your line
    }
  }
}
